#ifndef RADDLE_PASSES_TD
#define RADDLE_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Dialects
//===----------------------------------------------------------------------===//

def NNDecompose : Pass<"nn-decompose"> {
  let summary = "Replace ops of the nn and moe dialects by their decompositions";
  let description = [{
    ```mlir
    %out, %rstd = nn.rms_norm %x {eps = 1.0e-6 : f64} : tensor<4x8xf32> -> tensor<4x8xf32>, tensor<4xf32>
    ```
    becomes a reduction, a generic on its rows and an elementwise generic.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numDecomposed", "decomposed", "Number of ops decomposed">];
}

def NNNarrowProducts : Pass<"nn-narrow-products", "::mlir::ModuleOp"> {
  let summary = "Let matrix products, convolutions and attention of f32 take bf16";
  let description = [{
    Products of matrices, convolutions, attention and their gradients take bf16 and add in f32; everything else computes in
    f32. Results that something is computed of are rounded to bf16, and so is elementwise work on nothing but such results
    where several read it; what only becomes a result of the function, as the gradient of a parameter, is not.

    ```mlir
    %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32>
    // becomes
    %xn = linalg.generic … arith.truncf … : tensor<4x8xf32> -> tensor<4x8xbf16>
    %wn = linalg.generic … arith.truncf … : tensor<8x6xf32> -> tensor<8x6xbf16>
    %sums = linalg.generic … ins(%xn, %wn) outs(%zeros) { extf, extf, mulf, addf } -> tensor<4x6xf32>
    %yn = linalg.generic … arith.truncf … : tensor<4x6xf32> -> tensor<4x6xbf16>
    %y = linalg.generic … arith.extf … : tensor<4x6xbf16> -> tensor<4x6xf32>
    ```
    It runs behind differentiation, so that the products of gradients are narrowed by the same rule and read the tensors that
    forward made. What only moves elements moves those of bf16. Products with a constant, and those that
    have no rows, no columns or a single number to add, stay f32. Rows that `nn.embedding` looks up in a parameter are rounded,
    so that the table may be gathered in bf16.

    With `store-parameters`, for inference, parameters that are read rounded only become parameters of bf16, which are rounded
    once when they are loaded.
  }];
  let options = [Option<"storeParameters", "store-parameters", "bool", "false",
                        "Whether parameters that are read rounded only are held in bf16">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numNarrowed", "narrowed", "Number of products that take bf16">,
                    Statistic<"numStored", "stored", "Number of parameters that are held in bf16">];
}

//===----------------------------------------------------------------------===//
// Import and rewrite
//===----------------------------------------------------------------------===//

def ImportAdopt : Pass<"import-adopt", "::mlir::ModuleOp"> {
  let summary = "Make a module on tensors of another front end into a model";
  let description = [{
    Takes `@main` as torch-mlir's `linalg-on-tensors` has it and says what it leaves open: arguments become inputs, results
    outputs. Named leading arguments, and floating-point constants whose resource key matches, become parameters; a
    constant's value is what its parameter starts with.

    ```mlir
    func.func @main(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
      %w = arith.constant dense_resource<fc.weight> : tensor<4x8xf32>
    ```
    becomes, with `batch=2 param-constants=fc.*`,
    ```mlir
    func.func @main(%x: tensor<2x8xf32> {nn.batched, nn.input = "arg0"},
        %w: tensor<4x8xf32> {nn.init = {kind = "value", value = dense_resource<fc.weight> : tensor<4x8xf32>}, nn.param = "fc.weight"})
        -> (tensor<2x4xf32> {nn.batched, nn.output = "output_0"}) {
    ```
    Dynamic dimensions 0 become a rank's batch, and all shapes follow. Convolutions and poolings become ops of the `nn`
    dialect; assertions in bodies `exec.check_index` before them; what goes to double precision and back to keep a
    sum accurate is computed in single precision. What the module has already stays as it is.
  }];
  let options = [
    Option<"ranks", "ranks", "int64_t", "1", "Number of ranks">,
    Option<"batch", "batch", "int64_t", "0", "Batch of all ranks together for dynamic dimensions 0; 0: not given">,
    ListOption<"paramArguments", "param-arguments", "std::string", "Names of the leading arguments, which are parameters">,
    Option<"paramConstants", "param-constants", "std::string", "\"\"",
           "Regular expression of the resource keys of constants that are parameters">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::raddle::nn::NNDialect", "::raddle::exec::ExecDialect"];
}

def ImportVerify : Pass<"import-verify", "::mlir::ModuleOp"> {
  let summary = "Check that a model is one function of one block on tensors of static shape";
  let description = [{
    What `import` and `rewrite` guarantee: `@main` has one block, its arguments and results are tensors of static shape, an
    argument is at most one of parameter, buffer and input, and no name is used twice. Reports all arguments that are not so.
  }];
}

//===----------------------------------------------------------------------===//
// Differentiate
//===----------------------------------------------------------------------===//

def GradVerify : Pass<"grad-verify", "::mlir::ModuleOp"> {
  let summary = "Check that every trainable parameter has a gradient of its type";
  let description = [{
    What `differentiate` guarantees in training: `@main_grad` takes what `@main` takes and gives what it gives, then one gradient for
    each floating-point argument with `nn.param` and without `nn.frozen`, in the order and of the types of the arguments.
  }];
}

def RaddleGrad : Pass<"raddle-grad", "::mlir::ModuleOp"> {
  let summary = "Add the gradient of a function on tensors";
  let description = [{
    For `@main` adds `@main_grad` with the same arguments, whose results are those of `@main` followed by the gradient of its
    first, scalar, result for each floating-point argument.

    ```mlir
    func.func @main(%x: tensor<4xf32>) -> tensor<f32>
    ```
    becomes, beside it,
    ```mlir
    func.func @main_grad(%x: tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>)
    ```
    Any `linalg` op whose body is elementwise, or `accumulator + f(inputs)`, or a maximum or minimum, is differentiated by its
    body, and so are tensors that an elementwise body reads through `tensor.extract`; ops with `DifferentiableOpInterface` by themselves. Other ops on a path from an argument to the result are an
    error that lists all of them.
  }];
  let options = [
    Option<"function", "function", "std::string", "\"main\"", "Function to differentiate">,
    Option<"result", "result", "unsigned", "0", "Index of the scalar result to differentiate">,
    Option<"parametersOnly", "parameters-only", "bool", "false",
           "Gradients for arguments with `nn.param` and without `nn.frozen` only">,
    Option<"withCotangent", "with-cotangent", "bool", "false",
           "Take the gradient of the result as an extra last argument, so that it need not be a scalar">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numRules", "rules-applied", "Number of ops differentiated">];
}

//===----------------------------------------------------------------------===//
// Step
//===----------------------------------------------------------------------===//

def TrainBuildStep : Pass<"train-build-step", "::mlir::ModuleOp"> {
  let summary = "Turn a function with gradients into a training step";
  let description = [{
    From `@main` and `@main_grad` (of `raddle-grad{parameters-only}`) makes `@train_step`, which also takes the optimizer's
    states, the learning rate and the step number, and gives the loss, the gradient's norm before clipping, new parameters and
    new states; a result's `nn.updates` names the parameter or state that it replaces. `@main` becomes `@eval`.
  }];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"", "sgd or adamw">,
    Option<"loss", "loss", "unsigned", "0", "Index of the result that is the loss">,
    Option<"weightDecay", "weight-decay", "double", "0.0", "Weight decay">,
    Option<"momentum", "momentum", "double", "0.0", "Momentum of sgd">,
    Option<"beta1", "beta1", "double", "0.9", "Decay of AdamW's first moment">,
    Option<"beta2", "beta2", "double", "0.999", "Decay of AdamW's second moment">,
    Option<"eps", "eps", "double", "1e-8", "Term added to AdamW's denominator">,
    Option<"clipNorm", "clip-norm", "double", "0.0", "Largest global norm of the gradient; 0: not clipped">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect", "::raddle::nn::NNDialect"];
}

def TrainVerify : Pass<"train-verify", "::mlir::ModuleOp"> {
  let summary = "Check that a training step updates every trainable parameter and state";
  let description = [{
    What `step` guarantees: `@train_step` gives outputs `loss` and `grad_norm`, and for every trainable parameter and every
    optimizer state one result that updates it, of its type; `@eval` gives an output `loss`.
  }];
}

//===----------------------------------------------------------------------===//
// Shard
//===----------------------------------------------------------------------===//

def RaggedPlan : Pass<"ragged-plan", "::mlir::ModuleOp"> {
  let summary = "Choose buckets and lay parameters out in them";
  let description = [{
    Adds a `ragged.bucket` for each group of parameters that share a layer of the model (the name up to its first number; the
    rest apart), tensors placed for the least shard size that the planner finds. Units come from what the program does with a
    parameter (`ragged.keep` and `ragged.layout` on its arguments) and from the option `block`. Buckets that the module has
    already are laid out by hand: their parameters stay where they are.

    The ranks are those of the module's `shard.grid`, of shape replicas x shards; where it has none, the options say them, and
    a grid is added. Options that disagree with a grid are an error.

    ```mlir
    func.func @main(%w: tensor<64x2xf32> {nn.param = "layers.0.weight"})
    // becomes, with ranks=4 replicas=2
    module attributes {ragged.mesh = @mesh, ragged.ranks = 4 : i64} {
      shard.grid @mesh(shape = 2x2)
      ragged.bucket @layers.0 ranks 2 shard 64 : f32 {slots = [#ragged.slot<"layers.0.weight" at 0 shape [64, 2] unit 1>]}
    ```
  }];
  let options = [Option<"ranks", "ranks", "int64_t", "0", "Number of ranks; 0: those of the grid, or one without a grid">,
                 Option<"replicas", "replicas", "int64_t", "0",
                        "Groups of ranks that hold a copy of all parameters each; 0: those of the grid, or one">,
                 Option<"block", "block", "std::string", "\"none\"",
                        "What stays together of matrices: RxC or rows:R, both as whole rows, or none">];
  let dependentDialects = ["::mlir::shard::ShardDialect", "::raddle::ragged::RaggedDialect"];
  let statistics = [Statistic<"numBuckets", "buckets", "Number of buckets">,
                    Statistic<"numPadding", "padding", "Elements of all buckets that belong to no tensor">];
}

def RaggedPartition : Pass<"ragged-partition", "::mlir::ModuleOp"> {
  let summary = "Make one program into the program of each rank";
  let description = [{
    Every entry point takes a rank's slice of each bucket in place of the parameters, gathers it before its first use, and
    reads parameters as slots of the whole. Gradients are packed and reduce-scattered when the last one of a bucket is there;
    optimizer and global norm work on slices. Counts of `nn.cross_entropy` become means over the ranks, so that the mean of
    the losses of the ranks is the loss of the whole batch.

    With `reduce-type=bf16` gradients of f32 are rounded to bf16 where they are made, reduced as such, and widened for norm and
    update: half the bytes are sent.
  }];
  let options = [Option<"reduceType", "reduce-type", "std::string", "\"f32\"",
                        "Element type in which gradients of f32 are reduced over the ranks: f32 or bf16">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect", "::raddle::ragged::RaggedDialect", "::raddle::nn::NNDialect"];
  let statistics = [Statistic<"numGathers", "gathers", "Number of gathers">,
                    Statistic<"numReduceScatters", "reduce-scatters", "Number of reduce-scatters">];
}

def RaggedAssignRoots : Pass<"ragged-assign-roots", "::mlir::ModuleOp"> {
  let summary = "Choose the ranks on which tensors are whole";
  let description = [{
    Fills in `roots` of `ragged.gather_to_roots` and `ragged.scatter_from_roots` where it is missing, the same for all ops on one
    bucket. The work on a matrix [m, n] is taken as m·n·min(m, n), as of a Newton–Schulz iteration, that on another tensor as
    its number of elements; the largest goes first, each to the rank with the least work so far.

    ```mlir
    %w:2 = ragged.gather_to_roots %slice of @b : (tensor<96xf32>) -> (tensor<16x8xf32>, tensor<8x8xf32>)
    // becomes
    %w:2 = ragged.gather_to_roots %slice of @b roots [0, 1] : (tensor<96xf32>) -> (tensor<16x8xf32>, tensor<8x8xf32>)
    ```
  }];
}

def RaggedCastBeforeGather : Pass<"ragged-cast-before-gather", "::mlir::ModuleOp"> {
  let summary = "Cast or quantise slices rather than gathered buckets";
  let description = [{
    Where all that is read of a gathered bucket goes through the same elementwise ops first, at the end of which it is
    narrower, as by a cast or a quantisation with given scales, the rank's slice does instead, so that less is communicated
    and held.

    ```mlir
    %full = ragged.gather %slice of @b : tensor<96xf32> -> tensor<384xf32>
    %w = ragged.slot "w" of %full in @b : tensor<384xf32> -> tensor<16x24xf32>
    %c = linalg.generic … arith.truncf … : tensor<16x24xf32> -> tensor<16x24xbf16>
    // becomes
    %s = linalg.generic … arith.truncf … : tensor<96xf32> -> tensor<96xbf16>
    %full = ragged.gather %s of @b : tensor<96xbf16> -> tensor<384xbf16>
    %c = ragged.slot "w" of %full in @b : tensor<384xbf16> -> tensor<16x24xbf16>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numCasts", "casts", "Number of gathers that became narrower">];
}

def RaggedVerify : Pass<"ragged-verify", "::mlir::ModuleOp"> {
  let summary = "Check that every function is the program of one rank";
  let description = [{
    What `shard` guarantees: no whole parameter or optimizer state is an argument; a rank's states are slices of buckets that exist,
    of their size; a result that replaces a state has its type; collectives are over the module's number of ranks.
  }];
}

//===----------------------------------------------------------------------===//
// Fuse
//===----------------------------------------------------------------------===//

def FuseCheckIndices : Pass<"fuse-check-indices", "::mlir::func::FuncOp"> {
  let summary = "Check indices that select rows or classes before they are used";
  let description = [{
    Adds an `exec.check_index` for each `nn.embedding`, `nn.checked_index` and `nn.cross_entropy`, one for equal checks of one value. It runs before
    `nn-decompose`, after which nobody knows the bounds.
  }];
  let dependentDialects = ["::raddle::exec::ExecDialect"];
  let statistics = [Statistic<"numChecks", "checks", "Number of checks">];
}

def FuseAttention : Pass<"fuse-attention", "::mlir::func::FuncOp"> {
  let summary = "Make library calls of attention and its gradient";
  let description = [{
    `nn.attention` and `nn.attention_grad` on f32, f16 and bf16 become `exec.attention`, which never has the scores of all pairs
    in memory. Operands are read, and results written, in the order of dimensions that their transposes have. Other element
    types, empty tensors and gradients of masks are left to `nn-decompose`, and with `cudnn` what that library lacks
    (`Bundle/GpuAttention.h`); a boolean mask becomes one that is added there.

    A mask that compares positions only, key < length of the batch's element, key <= query, or both, is not read: calls have a flag
    for causality, and those of the CPU an operand of lengths, from which a mask of [B, 1, 1, T] is made for cuDNN. Remarks named
    `mask` say what else such a mask compares.

    ```mlir
    %q = linalg.transpose ins(%x : tensor<1x4x2x8xf32>) outs(%e : tensor<1x2x4x8xf32>) permutation = [0, 2, 1, 3]
    %out, %lse = nn.attention %q, %k, %v {scale = 0.5 : f64} : ...
    ```
    becomes a call that reads `%x`.
  }];
  let dependentDialects = ["::raddle::exec::ExecDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
  let options = [Option<"cudnn", "cudnn", "bool", "false", "Whether calls are for a GPU's cuDNN, not for a CPU">,
                 Option<"unordered", "unordered", "bool", "false",
                        "Whether a GPU may sum gradients in another order each time, which takes less memory">];
  let statistics = [Statistic<"numCalls", "calls", "Number of library calls">,
                    Statistic<"numTransposes", "transposes", "Number of transposes that calls follow">,
                    Statistic<"numMasks", "masks", "Number of masks that are lengths or causality">,
                    Statistic<"numLeft", "left", "Number of attentions and gradients left to decomposition">];
}

def FuseOutline : Pass<"fuse-outline", "::mlir::ModuleOp"> {
  let summary = "Group tensor ops into kernels and recognise library calls";
  let description = [{
    Contractions that a BLAS computes become `exec.gemm`; all other work is grouped, every group becomes a function with the
    attribute `exec.kernel`, and an `exec.dispatch` in its place. Views of contiguous memory stay outside. Equal kernels are
    kept once.

    Sums of products, and of a product and a tensor that dies there, become products with `accumulate`, one after the other in the
    same memory.

    ```mlir
    %0 = exec.gemm ins(%dq, %wq) ...                                    %0 = exec.gemm ins(%dq, %wq) ...
    %1 = exec.gemm ins(%dk, %wk) ...                              -->   %1 = exec.gemm ins(%dk, %wk, %0) ... {accumulate}
    %2 = linalg.generic ... ins(%0, %1) { addf }
    ```

    With `join-rows` or `tiles`, a long sum into few elements is two kernels: sums of parts, and the sum of these.

    With `epilogues` a product computes what `exec.gemm` can do with its result: a bias that is added to each row, GELU in its
    form with tanh (the result before, if something else reads it, is a further result), the derivative of GELU times the
    result, and sums over the result's rows or over what the product sums over, which are gradients of biases.

    ```mlir
    %0 = linalg.matmul ins(%x, %w) outs(%zeros)                         %1 = exec.gemm ins(%x, %w, %b) ... {bias}
    %1 = linalg.generic ... ins(%0, %b) { addf }               -->
    ```
  }];
  let dependentDialects = ["::raddle::exec::ExecDialect", "::mlir::func::FuncDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect"];
  let options = [Option<"joinRows", "join-rows", "bool", "true",
                        "Whether groups that walk the same rows become one kernel">,
                 Option<"tiles", "tiles", "bool", "false",
                        "Whether that has to be a kernel that codegen-triton takes">,
                 Option<"epilogues", "epilogues", "bool", "false",
                        "Whether products compute what follows them: bias, GELU, sums; as suits a GPU's library">];
  let statistics = [Statistic<"numEpilogues", "epilogues", "Number of ops that are computed by the product before them">,
                    Statistic<"numKernels", "kernels", "Number of distinct kernels">,
                    Statistic<"numDispatches", "dispatches", "Number of dispatches">,
                    Statistic<"numGemms", "gemms", "Number of library matrix products">,
                    Statistic<"numAccumulated", "accumulated", "Number of products that are added to what is there">,
                    Statistic<"numFused", "fused", "Number of ops computed inside the kernel of another">,
                    Statistic<"numJoined", "joined", "Number of groups that went into another that walks the same rows">];
}

def FuseVerify : Pass<"fuse-verify", "::mlir::ModuleOp"> {
  let summary = "Check that only kernels, library calls, collectives and views are left";
}

//===----------------------------------------------------------------------===//
// Schedule
//===----------------------------------------------------------------------===//

def ScheduleRecompute : Pass<"schedule-recompute", "::mlir::ModuleOp"> {
  let summary = "Compute values of forward again in backward rather than hold them";
  let description = [{
    Of a step of training, finds the values that are held between forward and backward by a minimum cut: holding a value costs
    its bytes, computing an op again the bytes that it moves and, of its operations, what moves in their time. Parameters
    and inputs are there anyway. `auto` repeats kernels, never library calls, where that is cheaper than holding; with a
    budget, which covers a rank's states and the arena, it repeats nothing where the arena fits, else the cheapest work with
    which it does, library calls last, or what makes the arena smallest. `block` holds only what passes from one bucket's ops to those of another and repeats the rest.

    An op that is computed again has the attribute `exec.again`, so that it is not taken for the first, and gives the same bits.
    A remark says what was repeated.

    ```mlir
    %y = exec.dispatch @silu ins(%x : tensor<8xf32>) -> tensor<8xf32>
    … uses of %y, others, uses of %y
    // becomes
    %y = exec.dispatch @silu ins(%x : tensor<8xf32>) -> tensor<8xf32>
    … uses of %y, others
    %again = exec.dispatch @silu ins(%x : tensor<8xf32>) {exec.again} -> tensor<8xf32>
    … uses of %again
    ```
  }];
  let options = [Option<"mode", "mode", "std::string", "\"none\"", "none, auto or block">,
                 Option<"budget", "budget", "int64_t", "0", "Bytes that a rank may use; 0: as `mode` says">];
  let dependentDialects = ["::raddle::exec::ExecDialect"];
  let statistics = [Statistic<"numAgain", "computed-again", "Number of ops added">];
}

def RaggedReshard : Pass<"ragged-reshard", "::mlir::ModuleOp"> {
  let summary = "Gather buckets again rather than hold them, where memory is short";
  let description = [{
    A gathered bucket that lies idle while the most memory is in use, as between forward and backward, is gathered a second
    time instead. Without a budget this goes on until it lowers the peak no more; with one, until the peak fits, the bucket
    with the most bytes first. The budget covers a rank's states and the arena. A remark says what was done with each bucket.

    ```mlir
    %full = ragged.gather %slice of @b : tensor<96xf32> -> tensor<384xf32>
    … uses of %full, others, uses of %full
    // becomes
    %full = ragged.gather %slice of @b : tensor<96xf32> -> tensor<384xf32>
    … uses of %full, others
    %again = ragged.gather %slice of @b {phase = 1} : tensor<96xf32> -> tensor<384xf32>
    … uses of %again
    ```
  }];
  let options = [Option<"budget", "budget", "int64_t", "0", "Bytes that a rank may use; 0: as few as gathering again allows">];
  let dependentDialects = ["::raddle::ragged::RaggedDialect"];
  let statistics = [Statistic<"numAgain", "gathered-again", "Number of gathers added">];
}

def RaggedPrefetch : Pass<"ragged-prefetch", "::mlir::ModuleOp"> {
  let summary = "Start gathers early, so that they run beside compute";
  let description = [{
    Moves every gather up to where compute begins to use the one before it: one bucket is in use then, and one on its way. It
    stays where it would raise the peak of memory above the budget, or, without one, above what it was. The order of
    collectives does not change.
  }];
  let options = [Option<"budget", "budget", "int64_t", "0", "Bytes that a rank may use; 0: no more than without prefetching">];
  let dependentDialects = ["::raddle::ragged::RaggedDialect"];
  let statistics = [Statistic<"numMoved", "prefetched", "Number of gathers that start early">];
}

def ScheduleAssign : Pass<"schedule-assign", "::mlir::ModuleOp"> {
  let summary = "Give every buffer an address and every op a stream";
  let description = [{
    Each entry point becomes an `exec.program`. Views, slots and packed gradients share the memory of what they view; values
    whose lives do not overlap share the arena. A result that replaces a state is written into it.
    A budget that is exceeded is an error.
  }];
  let options = [Option<"budget", "budget", "int64_t", "0", "Bytes of states and arena that a rank may use; 0: any">];
  let dependentDialects = ["::raddle::exec::ExecDialect", "::mlir::memref::MemRefDialect"];
  let statistics = [Statistic<"numCopies", "copies", "Number of copies that no placement could avoid">,
                    Statistic<"numPackCopies", "pack-copies", "Number of copies into buckets">,
                    Statistic<"numAddendCopies", "addend-copies", "Number of copies of what products are added to">,
                    Statistic<"numArenaBytes", "arena-bytes", "Bytes of the largest arena">,
                    Statistic<"numLowerBound", "lower-bound-bytes", "Most bytes alive at once, without gaps">];
}

def ScheduleVerify : Pass<"schedule-verify", "::mlir::ModuleOp"> {
  let summary = "Check that no two live buffers overlap and that streams wait for what they read";
}

//===----------------------------------------------------------------------===//
// Generate
//===----------------------------------------------------------------------===//

def CodegenCPU : Pass<"codegen-cpu", "::mlir::ModuleOp"> {
  let summary = "Lower kernels to the LLVM dialect for the CPU";
  let description = [{
    A kernel on tensors becomes an `llvm.func` of the runtime's signature `void(ptr args, i64 begin, i64 end)`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::affine::AffineDialect",
                           "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::cf::ControlFlowDialect", "::mlir::vector::VectorDialect"];
}

def CodegenVerify : Pass<"codegen-verify", "::mlir::ModuleOp"> {
  let summary = "Check that every kernel is code of the runtime's signature";
}

#endif // RADDLE_PASSES_TD
