// Constraints of programs, buffers, constants and events, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// exec_program_c1
exec.program @p arena 1024 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{covers bytes [512, 1536) of arena 0, outside the program's arena of 1024 bytes}}
  %b = exec.buffer arena[0] at 512 : memref<256xf32>
}

// -----

// exec_program_c1
exec.program @p arena 1024 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{covers bytes [0, 16) of arena 1, outside the program's arena of 1024 bytes}}
  %b = exec.buffer arena[1] at 0 : memref<4xf32>
}

// -----

// exec_program_c1: sizes may not wrap around
exec.program @p arena 1024 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{expects at most 2^47 bytes, is}}
  %b = exec.buffer arena[0] at 0 : memref<4611686018427387905xf32>
}

// -----

// exec_program_c2
exec.program @p arena 0 streams 2 events 0 inputs [{nn.input = "x"}] outputs [] states [] allocations [] {
  // expected-error @+1 {{expects an index below 1, is 1}}
  %b = exec.buffer input[1] at 0 : memref<4xf32>
}

// -----

// exec_program_c2
exec.program @p arena 0 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{expects an index below 0, is 0}}
  %b = exec.buffer output[0] at 0 : memref<4xf32>
}

// -----

// exec_program_c2
exec.program @p arena 0 streams 2 events 0 inputs [] outputs [] states [{ragged.state = "b.param"}] allocations [] {
  // expected-error @+1 {{expects an index below 1, is 3}}
  %b = exec.buffer state[3] at 0 : memref<4xf32>
}

// -----

// exec_program_c3
exec.program @p arena 0 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{is on a tensor inside program 'p'}}
  %b = tensor.empty() : tensor<4xf32>
}

// -----

// exec_buffer_c1
// expected-error @+1 {{expects index and offset not to be negative, is -1 and 0}}
%b = exec.buffer input[-1] at 0 : memref<4xf32>

// -----

// exec_buffer_c1
// expected-error @+1 {{expects index and offset not to be negative, is 0 and -128}}
%b = exec.buffer arena[0] at -128 : memref<4xf32>

// -----

// exec_buffer_c2
// expected-error @+1 {{expects a contiguous memref, is 'memref<4x4xf32, strided<[8, 1]>>'}}
%b = exec.buffer arena[0] at 0 : memref<4x4xf32, strided<[8, 1]>>

// -----

// exec_buffer_c3
// expected-error @+1 {{expects an offset that is a multiple of 8, is 4}}
%b = exec.buffer arena[0] at 4 : memref<4xf64>

// -----

// An element type without a number of bits has no place in memory.
// expected-error @+1 {{result #0 must be statically shaped memref of}}
%b = exec.buffer arena[0] at 0 : memref<4xindex>

// -----

// exec_constant_c1
// expected-error @+1 {{expects a dense value, is sparse}}
exec.constant @c 0 sparse<[[0]], [1.0]> : tensor<4xf32>

// -----

// exec_record_c1
// expected-error @+1 {{expects to be inside an 'exec.program'}}
exec.record 0 on 0

// -----

// exec_record_c1
exec.program @p arena 0 streams 2 events 1 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{expects an event below 1, is 1}}
  exec.record 1 on 0
}

// -----

// exec_record_c1
exec.program @p arena 0 streams 2 events 1 inputs [] outputs [] states [] allocations [] {
  exec.record 0 on 0
  // expected-error @+1 {{records event 0 a second time}}
  exec.record 0 on 1
}

// -----

// exec_wait_c1
exec.program @p arena 0 streams 2 events 1 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{waits for event 0, which is not recorded before}}
  exec.wait 0 on 1
  exec.record 0 on 0
}

// -----

// Attributes of the body are read after they have been verified.
exec.program @p arena 0 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  // expected-error @+1 {{'exec.buffer' op requires attribute 'index'}}
  %b = "exec.buffer"() {space = #exec<space arena>, offset = 0 : i64} : () -> memref<4xf32>
}
