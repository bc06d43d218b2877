#ifndef RADDLE_DIALECT_NN_IR_NNRANDOMOPS_TD
#define RADDLE_DIALECT_NN_IR_NNRANDOMOPS_TD

// Random numbers. NNOps.td includes this file.

def NN_Counter : Type<NN_ScalarInt.predicate, "0-d tensor of i64">,
                 BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI64Type())">;

def NN_RandomKeyOp : NN_Op<"random_key"> {
  let summary = "key of the random numbers that one op draws in one call";
  let description = [{
    key = the first two words of Philox-4x32-10 (Salmon et al. 2011) of the counter (call, `id`, 0), keyed by `seed`:
    independent streams for every seed, call of the program, and op. `seed` and `call` are inputs that the runtime
    gives (`nn.role`). Whoever computes the key again gets the same numbers: recomputed values equal the first ones.

    ```mlir
    %key = nn.random_key %seed, %call {id = 3 : i64}
    ```

    Constraints:
    - (nn_random_key_c1) `id` is in [0, 2^32)
  }];
  let arguments = (ins NN_Counter:$seed, NN_Counter:$call, I64Attr:$id);
  let results = (outs NN_Counter:$key);
  let assemblyFormat = "$seed `,` $call attr-dict";
}

class NN_RandomOp<string mnemonic> : NN_Op<mnemonic> {
  code numbering = [{
    Element i is drawn from Philox-4x32-10 of the counter i, keyed by `key`. i counts the elements of all ranks, with
    `batch_dim` as the slowest dimension: on rank r it begins at r times the size of `batch_dim` here. So the numbers
    are the same for any number of ranks. Without `batch_dim` the value does not depend on the batch, and all ranks
    draw the same.
  }];
  code constraints = [{
    - (nn_random_c1) `rank` and `batch_dim` are given together
    - (nn_random_c2) `batch_dim` is a dimension of the result
  }];
  let arguments = (ins NN_Counter:$key, Optional<NN_Counter>:$rank, OptionalAttr<I64Attr>:$batch_dim);
  let assemblyFormat = "$key (`rank` $rank^)? attr-dict `:` type($result)";
}

def NN_RandomBitsOp : NN_RandomOp<"random_bits"> {
  let summary = "integers of 64 random bits";
  let description = !strconcat(numbering, [{

    ```mlir
    %bits = nn.random_bits %key rank %rank {batch_dim = 0 : i64} : tensor<4x8xi64>
    ```

    Constraints:
  }], constraints);
  let results = (outs StaticShapeTensorOf<[I64]>:$result);
}

def NN_RandomUniformOp : NN_RandomOp<"random_uniform"> {
  let summary = "uniform random numbers in [0, 1)";
  let description = !strconcat(numbering, [{
    The values are multiples of 2^-p, where p is the number of bits of the type's significand.

    ```mlir
    %u = nn.random_uniform %key : tensor<4x8xf32>
    ```

    Constraints:
  }], constraints);
  let results = (outs NN_FloatTensor:$result);
}

def NN_RandomNormalOp : NN_RandomOp<"random_normal"> {
  let summary = "random numbers of the standard normal distribution";
  let description = !strconcat(numbering, [{
    sqrt(−2 log u) cos(2 π v) of two uniform numbers (Box and Muller), computed in f64 for f64 and in f32 otherwise.

    Constraints:
  }], constraints);
  let results = (outs NN_FloatTensor:$result);
}

def NN_DropoutOp : NN_DifferentiableOp<"dropout"> {
  let summary = "zeroes random elements and scales the others";
  let description = [{
    result[i] = input[i] / (1 − p) where u[i] >= p, 0 elsewhere, with u the f32 numbers that `nn.random_uniform` draws
    of the same key and shape. The op is linear in `input` and is its own adjoint: the gradient of `input` is the same
    op on the gradient of the result, so that no mask is kept.

    ```mlir
    %y = nn.dropout %x key %key rank %rank {batch_dim = 0 : i64, p = 1.0e-1 : f64} : tensor<4x8xf32>
    ```

    Constraints:
    - (nn_random_c1) `rank` and `batch_dim` are given together
    - (nn_random_c2) `batch_dim` is a dimension of the result
    - (nn_dropout_c1) `p` is in [0, 1)
    - (nn_dropout_c2) the result has the type of `input`
  }];
  let arguments = (ins NN_FloatTensor:$input, NN_Counter:$key, Optional<NN_Counter>:$rank, F64Attr:$p,
                       OptionalAttr<I64Attr>:$batch_dim);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `key` $key (`rank` $rank^)? attr-dict `:` type($input) `->` type($result)";
}

#endif // RADDLE_DIALECT_NN_IR_NNRANDOMOPS_TD
