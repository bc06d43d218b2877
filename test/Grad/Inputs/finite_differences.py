"""Writes a module that compares gradients with central differences.

Every case is a function of one scalar t: its tensors are x + t d with fixed x and d, so that the derivative for t is the sum of all
gradients times d. The function @entry prints one line a case: its name and 1, or 0 where the two derivatives differ.
Run with the name of a group of cases and what to print: `functions`; `passes`, the option that differentiates them; or `checks`,
which reads the differentiated module from standard input and adds @entry.
"""

import sys

STEP = "0.00001"
TOLERANCE = "0.0000001"


def elementwise(body, inputs="%x, %y", shape="3x4"):
    types = ", ".join([f"tensor<{shape}xf64>"] * len(inputs.split(",")))
    maps = ", ".join(["#full"] * (len(inputs.split(",")) + 1))
    arguments = ", ".join(f"%{name}: f64" for name in "ab"[: len(inputs.split(","))])
    return f"""
  %e = tensor.empty() : tensor<{shape}xf64>
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel"]}}
      ins({inputs} : {types}) outs(%e : tensor<{shape}xf64>) {{
  ^bb0({arguments}, %o: f64):
    {body}
    linalg.yield %v : f64
  }} -> tensor<{shape}xf64>""", f"{shape}xf64"


def unary(op):
    return elementwise(f"%v = {op} %a : f64", "%x")


def binary(op):
    return elementwise(f"%v = {op} %a, %b : f64")


def reduction(start, body):
    return f"""
  %start = arith.constant dense<{start}> : tensor<3xf64>
  %r = linalg.generic {{indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}}
      ins(%x : tensor<3x4xf64>) outs(%start : tensor<3xf64>) {{
  ^bb0(%a: f64, %acc: f64):
    {body}
    linalg.yield %v : f64
  }} -> tensor<3xf64>""", "3xf64"


SCALARS = {
    op.split(".")[1]: unary(op)
    for op in ["math.exp", "math.exp2", "math.expm1", "math.log", "math.log2", "math.log1p", "math.sqrt", "math.rsqrt",
               "math.tanh", "math.sin", "math.cos", "math.erf", "math.atan", "arith.negf", "math.log10", "math.tan",
               "math.sinh", "math.cosh", "math.asinh", "math.erfc"]
}
SCALARS |= {
    op.split(".")[1]: binary(op)
    for op in ["arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.maximumf", "arith.minimumf",
               "arith.maxnumf", "arith.minnumf", "math.powf", "math.atan2", "arith.remf"]
}
SCALARS |= {
    "absf": elementwise("%d = arith.subf %a, %b : f64\n    %v = math.absf %d : f64"),
    "copysign": elementwise("%n = arith.negf %b : f64\n    %v = math.copysign %a, %n : f64"),
    # Inverse functions, held where they are defined.
    "asin": elementwise("%s = math.sin %a : f64\n    %v = math.asin %s : f64"),
    "acos": elementwise("%s = math.sin %a : f64\n    %v = math.acos %s : f64"),
    "atanh": elementwise("%s = math.tanh %a : f64\n    %v = math.atanh %s : f64"),
    "acosh": elementwise("%s = math.exp %a : f64\n    %v = math.acosh %s : f64"),
    "fma": elementwise("%v = math.fma %a, %b, %a : f64"),
    "fpowi": elementwise("%n = arith.constant 3 : i32\n    %v = math.fpowi %a, %n : f64, i32", "%x"),
    "select": elementwise("%c = arith.cmpf olt, %a, %b : f64\n    %p = arith.mulf %a, %a : f64\n"
                          "    %v = arith.select %c, %p, %b : f64"),
    "floor": elementwise("%f = math.floor %b : f64\n    %v = arith.mulf %a, %f : f64"),
    "position": elementwise("%j = linalg.index 1 : index\n    %i = arith.index_cast %j : index to i64\n"
                            "    %s = arith.sitofp %i : i64 to f64\n    %v = arith.mulf %a, %s : f64", "%x"),
}

STRUCTURED = {
    "sum": reduction(0.5, "%p = arith.mulf %a, %a : f64\n    %v = arith.addf %acc, %p : f64"),
    "prod": reduction(1.5, "%v = arith.mulf %acc, %a : f64"),
    "amax": reduction(0.0, "%v = arith.maximumf %acc, %a : f64"),
    "amin": reduction(9.0, "%s = math.sin %a : f64\n    %v = arith.minimumf %s, %acc : f64"),
    "matmul": ("""
  %zeros = arith.constant dense<0.0> : tensor<3x3xf64>
  %e = tensor.empty() : tensor<4x3xf64>
  %yt = linalg.transpose ins(%y : tensor<3x4xf64>) outs(%e : tensor<4x3xf64>) permutation = [1, 0]
  %r = linalg.matmul ins(%x, %yt : tensor<3x4xf64>, tensor<4x3xf64>) outs(%zeros : tensor<3x3xf64>) -> tensor<3x3xf64>
""", "3x3xf64"),
    "unit_dimensions": ("""
  %row = tensor.extract_slice %y[0, 1] [3, 1] [1, 1] : tensor<3x4xf64> to tensor<3x1xf64>
  %e = tensor.empty() : tensor<3x4xf64>
  %r = linalg.generic {indexing_maps = [#full, affine_map<(i, j) -> (i, 0)>, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %row : tensor<3x4xf64>, tensor<3x1xf64>) outs(%e : tensor<3x4xf64>) {
  ^bb0(%a: f64, %b: f64, %o: f64):
    %v = arith.divf %a, %b : f64
    linalg.yield %v : f64
  } -> tensor<3x4xf64>""", "3x4xf64"),
    "movement": ("""
  %pad = tensor.pad %x low[0, 1] high[1, 0] {
  ^bb0(%i: index, %j: index):
    %c = arith.constant 2.0 : f64
    tensor.yield %c : f64
  } : tensor<3x4xf64> to tensor<4x5xf64>
  %slice = tensor.extract_slice %pad[1, 0] [3, 4] [1, 1] : tensor<4x5xf64> to tensor<3x4xf64>
  %cat = tensor.concat dim(0) %slice, %y, %slice : (tensor<3x4xf64>, tensor<3x4xf64>, tensor<3x4xf64>) -> tensor<9x4xf64>
  %in = tensor.insert_slice %x into %cat[2, 0] [3, 4] [2, 1] : tensor<3x4xf64> into tensor<9x4xf64>
  %flat = tensor.collapse_shape %in [[0, 1]] : tensor<9x4xf64> into tensor<36xf64>
  %r = tensor.expand_shape %flat [[0, 1]] output_shape [4, 9] : tensor<36xf64> into tensor<4x9xf64>""", "4x9xf64"),
    "lookup": ("""
  %rows = arith.constant dense<[2, 0, 2, 1, 2]> : tensor<5xi64>
  %e = tensor.empty() : tensor<5x4xf64>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, #full], iterator_types = ["parallel", "parallel"]}
      ins(%rows : tensor<5xi64>) outs(%e : tensor<5x4xf64>) {
  ^bb0(%a: i64, %o: f64):
    %i = arith.index_cast %a : i64 to index
    %j = linalg.index 1 : index
    %p = tensor.extract %x[%i, %j] : tensor<3x4xf64>
    %v = arith.mulf %p, %p : f64
    linalg.yield %v : f64
  } -> tensor<5x4xf64>""", "5x4xf64"),
}

HEADS = """
  %q = tensor.expand_shape %x [[0, 1], [2, 3]] output_shape [1, 3, 2, 2] : tensor<3x4xf64> into tensor<1x3x2x2xf64>
  %k1 = tensor.extract_slice %y[0, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<1x4xf64>
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf64> into tensor<1x1x2x2xf64>
  %v1 = tensor.extract_slice %y[2, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<1x4xf64>
  %v = tensor.expand_shape %v1 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf64> into tensor<1x1x2x2xf64>"""
ATTENTION_TYPES = "tensor<1x3x2x2xf64>, tensor<1x1x2x2xf64>, tensor<1x1x2x2xf64>"
ATTENTION_RESULTS = "tensor<1x3x2x2xf64>, tensor<1x3x2xf64>"

NETWORKS = {
    "attention": (HEADS + f"""
  %r, %lse = nn.attention %q, %k, %v {{scale = 0.7 : f64}} : {ATTENTION_TYPES} -> {ATTENTION_RESULTS}""",
                  "1x3x2x2xf64"),
    "causal_attention": (HEADS + f"""
  %r, %lse = nn.attention %q, %k, %v {{causal, scale = 0.7 : f64}} : {ATTENTION_TYPES} -> {ATTENTION_RESULTS}""",
                         "1x3x2x2xf64"),
    "masked_attention": (HEADS + f"""
  %mask = arith.constant dense<[[[[true, false], [false, false]]]]> : tensor<1x1x2x2xi1>
  %r, %lse = "nn.attention"(%q, %k, %v, %mask) {{scale = 0.7 : f64}}
    : ({ATTENTION_TYPES}, tensor<1x1x2x2xi1>) -> ({ATTENTION_RESULTS})""", "1x3x2x2xf64"),
    "layer_norm": ("""
  %w = tensor.extract_slice %y[0, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>
  %b = tensor.extract_slice %y[1, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>
  %r, %mean, %rstd = nn.layer_norm %x weight %w bias %b {eps = 1.0e-5 : f64}
    : tensor<3x4xf64>, tensor<4xf64> bias tensor<4xf64> -> tensor<3x4xf64>, tensor<3xf64>, tensor<3xf64>""", "3x4xf64"),
    "rms_norm": ("""
  %w = tensor.extract_slice %y[0, 0] [1, 4] [1, 1] : tensor<3x4xf64> to tensor<4xf64>
  %r, %rstd = nn.rms_norm %x weight %w {eps = 1.0e-5 : f64}
    : tensor<3x4xf64>, tensor<4xf64> -> tensor<3x4xf64>, tensor<3xf64>""", "3x4xf64"),
    "embedding": ("""
  %i = arith.constant dense<[[2, 0], [2, 2]]> : tensor<2x2xi64>
  %r = nn.embedding %x, %i : tensor<3x4xf64>, tensor<2x2xi64> -> tensor<2x2x4xf64>""", "2x2x4xf64"),
    "cross_entropy": ("""
  %l = arith.constant dense<[3, -100, 0]> : tensor<3xi64>
  %sum, %count, %lse = nn.cross_entropy %x, %l {ignore_index = -100 : i64}
    : tensor<3x4xf64>, tensor<3xi64> -> tensor<f64>, tensor<f64>, tensor<3xf64>
  %e = tensor.empty() : tensor<f64>
  %r = linalg.div ins(%sum, %count : tensor<f64>, tensor<f64>) outs(%e : tensor<f64>) -> tensor<f64>""", "f64"),
}

GROUPS = {"scalars": SCALARS, "structured": STRUCTURED, "networks": NETWORKS}


def variable(name, frequency):
    """A tensor of values between 0.6 and 1.4 that moves with t, no two elements equal or in step."""
    return f"""
  %e{name} = tensor.empty() : tensor<3x4xf64>
  %{name} = linalg.generic {{indexing_maps = [#scalar, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%t : tensor<f64>) outs(%e{name} : tensor<3x4xf64>) {{
  ^bb0(%move: f64, %o: f64):
    %f = arith.constant {frequency} : f64
    %width = arith.constant 4 : index
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %rows = arith.muli %i, %width : index
    %at = arith.addi %rows, %j : index
    %ai = arith.index_cast %at : index to i64
    %af = arith.sitofp %ai : i64 to f64
    %phase = arith.mulf %af, %f : f64
    %sin = math.sin %phase : f64
    %cos = math.cos %phase : f64
    %amplitude = arith.constant 0.4 : f64
    %wave = arith.mulf %sin, %amplitude : f64
    %centre = arith.constant 1.05 : f64
    %value = arith.addf %wave, %centre : f64
    %moved = arith.mulf %cos, %move : f64
    %v = arith.addf %value, %moved : f64
    linalg.yield %v : f64
  }} -> tensor<3x4xf64>"""


def function(name, code, shape):
    """The case's result is weighted by the position of each element, then summed."""
    rank = shape.count("x")
    dims = ", ".join(f"d{i}" for i in range(rank))
    positions = "".join(f"""
    %i{i} = linalg.index {i} : index
    %c{i} = arith.index_cast %i{i} : index to i64
    %f{i} = arith.sitofp %c{i} : i64 to f64
    %w{i + 1} = arith.addf %w{i}, %f{i} : f64""" for i in range(rank))
    return f"""
func.func @case_{name}(%t: tensor<f64>) -> tensor<f64> {{{variable("x", 1.7)}{variable("y", 2.3)}
{code}
  %nothing = arith.constant dense<0.0> : tensor<f64>
  %total = linalg.generic {{indexing_maps = [affine_map<({dims}) -> ({dims})>, affine_map<({dims}) -> ()>],
                           iterator_types = [{", ".join(['"reduction"'] * rank)}]}}
      ins(%r : tensor<{shape}>) outs(%nothing : tensor<f64>) {{
  ^bb0(%a: f64, %acc: f64):
    %w0 = arith.constant 1.0 : f64{positions}
    %p = arith.mulf %a, %w{rank} : f64
    %s = arith.addf %acc, %p : f64
    linalg.yield %s : f64
  }} -> tensor<f64>
  return %total : tensor<f64>
}}"""


def check(name):
    return f"""
func.func @check_{name}() {{
  %zero = arith.constant dense<0.0> : tensor<f64>
  %plus = arith.constant dense<{STEP}> : tensor<f64>
  %minus = arith.constant dense<-{STEP}> : tensor<f64>
  %value, %gradient = func.call @case_{name}_grad(%zero) : (tensor<f64>) -> (tensor<f64>, tensor<f64>)
  %high = func.call @case_{name}(%plus) : (tensor<f64>) -> tensor<f64>
  %low = func.call @case_{name}(%minus) : (tensor<f64>) -> tensor<f64>
  %g = tensor.extract %gradient[] : tensor<f64>
  %h = tensor.extract %high[] : tensor<f64>
  %l = tensor.extract %low[] : tensor<f64>
  func.call @compare(%g, %h, %l) : (f64, f64, f64) -> ()
  return
}}"""


MAPS = """
#full = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#scalar = affine_map<(i, j) -> ()>"""

COMPARE = f"""
func.func @compare(%g: f64, %h: f64, %l: f64) {{
  %rise = arith.subf %h, %l : f64
  %run = arith.constant {2 * float(STEP):.8f} : f64
  %slope = arith.divf %rise, %run : f64
  %difference = arith.subf %slope, %g : f64
  %error = math.absf %difference : f64
  %size = math.absf %g : f64
  %one = arith.constant 1.0 : f64
  %scale = arith.addf %size, %one : f64
  %relative = arith.divf %error, %scale : f64
  %tolerance = arith.constant {TOLERANCE} : f64
  %good = arith.cmpf olt, %relative, %tolerance : f64
  // A derivative of zero would agree with a function that never moved.
  %nothing = arith.constant 0.0 : f64
  %moves = arith.cmpf one, %g, %nothing : f64
  %both = arith.andi %good, %moves : i1
  vector.print %both : i1
  return
}}"""


def main():
    group, action = sys.argv[1:]
    cases = GROUPS[group]
    if action == "functions":
        print(MAPS + "".join(function(name, *case) for name, case in cases.items()))
    elif action == "passes":
        print("--pass-pipeline=builtin.module(" + ",".join(f"raddle-grad{{function=case_{name}}}" for name in cases) + ",nn-decompose)")
    else:
        module = sys.stdin.read().rstrip().removesuffix("}")
        calls = "".join(f'\n  vector.print str "{name} "\n  func.call @check_{name}() : () -> ()' for name in cases)
        print(module + COMPARE + "".join(map(check, cases)) + f"\nfunc.func @entry() {{{calls}\n  return\n}}\n}}")


if __name__ == "__main__":
    main()
