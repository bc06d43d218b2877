// What schedule guarantees, checked from the program alone.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --schedule-verify

// expected-error @+1 {{is not a program after 'schedule'}}
func.func @function() { return }

// -----

// Two buffers in one place at one time.
// expected-error @+1 {{buffers 'a' at [0, 128) and 'b' at [64, 192) are alive together}}
exec.program @overlap arena 256 streams 2 events 0 inputs [] outputs [] states []
    allocations [{name = "b", offset = 64 : i64, bytes = 128 : i64, first = 1 : i64, last = 2 : i64},
                 {name = "a", offset = 0 : i64, bytes = 128 : i64, first = 0 : i64, last = 1 : i64}] {
}

// -----

// One after the other they may share it.
exec.program @reuse arena 128 streams 2 events 0 inputs [] outputs [] states []
    allocations [{name = "a", offset = 0 : i64, bytes = 128 : i64, first = 0 : i64, last = 0 : i64},
                 {name = "b", offset = 0 : i64, bytes = 128 : i64, first = 1 : i64, last = 1 : i64}] {
  %a = exec.buffer arena[0] at 0 : memref<32xf32>
  exec.zero %a : memref<32xf32>
  exec.zero %a : memref<32xf32>
}

// -----

// A long buffer behind a short one hides nothing.
// expected-error @+1 {{buffers 'long' at [0, 512) and 'late' at [384, 512) are alive together}}
exec.program @hidden arena 512 streams 2 events 0 inputs [] outputs [] states []
    allocations [{name = "long", offset = 0 : i64, bytes = 512 : i64, first = 0 : i64, last = 3 : i64},
                 {name = "early", offset = 128 : i64, bytes = 128 : i64, first = 4 : i64, last = 5 : i64},
                 {name = "late", offset = 384 : i64, bytes = 128 : i64, first = 2 : i64, last = 5 : i64}] {
}

// -----

exec.program @too_late arena 128 streams 2 events 0 inputs [] outputs [] states []
    allocations [{name = "a", offset = 0 : i64, bytes = 128 : i64, first = 0 : i64, last = 0 : i64}] {
  %a = exec.buffer arena[0] at 0 : memref<32xf32>
  exec.zero %a : memref<32xf32>
  // expected-error @+1 {{uses bytes [0, 128) of the arena, where nothing is alive}}
  exec.zero %a : memref<32xf32>
}

// -----

exec.program @across arena 256 streams 2 events 0 inputs [] outputs [] states []
    allocations [{name = "a", offset = 0 : i64, bytes = 128 : i64, first = 0 : i64, last = 0 : i64},
                 {name = "b", offset = 128 : i64, bytes = 128 : i64, first = 0 : i64, last = 0 : i64}] {
  %a = exec.buffer arena[0] at 64 : memref<32xf32>
  // expected-error @+1 {{uses bytes [64, 192) of the arena, where nothing is alive}}
  exec.zero %a : memref<32xf32>
}

// -----

// expected-error @+1 {{expects allocations with 'name', 'offset', 'bytes', 'first' and 'last', is {name = "a", offset = 0 : i64}}}
exec.program @entry arena 128 streams 2 events 0 inputs [] outputs [] states [] allocations [{name = "a", offset = 0 : i64}] {
}

// -----

// expected-error @+1 {{expects allocations with 'name', 'offset', 'bytes', 'first' and 'last', is "a"}}
exec.program @no_entry arena 128 streams 2 events 0 inputs [] outputs [] states [] allocations ["a"] {
}

// -----

func.func private @source() -> memref<4xf32> attributes {exec.kernel}
exec.program @address arena 128 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  %a = memref.alloc() : memref<4xf32>
  // expected-error @+1 {{expects buffers with an address as operands}}
  exec.zero %a : memref<4xf32>
}

// -----

// Compute reads what a collective writes before it has waited for it.
exec.program @no_wait arena 256 streams 2 events 2 inputs [] outputs [] states [{ragged.state = "s"}]
    allocations [{name = "a", offset = 0 : i64, bytes = 256 : i64, first = 0 : i64, last = 9 : i64}] {
  %s = exec.buffer state[0] at 0 : memref<32xf32>
  %a = exec.buffer arena[0] at 0 : memref<64xf32>
  exec.record 0 on 0
  exec.wait 0 on 1
  // expected-note @+1 {{the collective is here}}
  exec.collective all_gather sum %s into %a : memref<32xf32>, memref<64xf32>
  exec.record 1 on 1
  // expected-error @+1 {{touches memory that its stream has not waited for}}
  exec.zero %a : memref<64xf32>
  exec.wait 1 on 0
}

// -----

// Nor may it overwrite what a collective still reads.
exec.program @overwrites arena 256 streams 2 events 2 inputs [] outputs [] states [{ragged.state = "s"}]
    allocations [{name = "a", offset = 0 : i64, bytes = 256 : i64, first = 0 : i64, last = 9 : i64}] {
  %s = exec.buffer state[0] at 0 : memref<32xf32>
  %a = exec.buffer arena[0] at 0 : memref<64xf32>
  exec.record 0 on 0
  exec.wait 0 on 1
  // expected-note @+1 {{the collective is here}}
  exec.collective all_gather sum %s into %a : memref<32xf32>, memref<64xf32>
  exec.record 1 on 1
  // expected-error @+1 {{touches memory that its stream has not waited for}}
  exec.zero %s : memref<32xf32>
  exec.wait 1 on 0
}

// -----

// A wait for another event does not help; other memory may be used meanwhile.
exec.program @other_event arena 512 streams 2 events 3 inputs [] outputs [] states [{ragged.state = "s"}]
    allocations [{name = "a", offset = 0 : i64, bytes = 256 : i64, first = 0 : i64, last = 9 : i64},
                 {name = "b", offset = 256 : i64, bytes = 256 : i64, first = 0 : i64, last = 9 : i64}] {
  %s = exec.buffer state[0] at 0 : memref<32xf32>
  %a = exec.buffer arena[0] at 0 : memref<64xf32>
  %b = exec.buffer arena[0] at 256 : memref<64xf32>
  exec.record 0 on 1
  exec.record 1 on 0
  exec.wait 1 on 1
  // expected-note @+1 {{the collective is here}}
  exec.collective all_gather sum %s into %a : memref<32xf32>, memref<64xf32>
  exec.record 2 on 1
  exec.wait 0 on 0
  exec.zero %b : memref<64xf32>
  // expected-error @+1 {{touches memory that its stream has not waited for}}
  exec.zero %a : memref<64xf32>
}

// -----

// The collective itself may not start before compute has written what it sends.
exec.program @starts_early arena 256 streams 2 events 1 inputs [] outputs [] states [{ragged.state = "s"}]
    allocations [{name = "a", offset = 0 : i64, bytes = 256 : i64, first = 0 : i64, last = 9 : i64}] {
  %s = exec.buffer state[0] at 0 : memref<32xf32>
  %a = exec.buffer arena[0] at 0 : memref<64xf32>
  // expected-note @+1 {{compute touches it here}}
  exec.zero %a : memref<64xf32>
  // expected-error @+1 {{touches memory that its stream has not waited for}}
  exec.collective reduce_scatter mean %a into %s : memref<64xf32>, memref<32xf32>
  exec.record 0 on 1
  exec.wait 0 on 0
}

// -----

// expected-error @+1 {{expects allocations inside the arena of 128 bytes, 'a' has 128 at 64}}
exec.program @outside arena 128 streams 2 events 0 inputs [] outputs [] states []
    allocations [{name = "a", offset = 64 : i64, bytes = 128 : i64, first = 0 : i64, last = 0 : i64}] {
}

// -----

// expected-error @+1 {{expects allocations inside the arena of 128 bytes, 'a' has 9223372036854775807 at 1}}
exec.program @wraps arena 128 streams 2 events 0 inputs [] outputs [] states []
    allocations [{name = "a", offset = 1 : i64, bytes = 9223372036854775807 : i64, first = 0 : i64, last = 0 : i64}] {
}

// -----

// On two streams, one rank may start the second collective first.
exec.program @two_orders arena 512 streams 2 events 1 inputs [] outputs [] states [{ragged.state = "s"}, {ragged.state = "t"}]
    allocations [{name = "a", offset = 0 : i64, bytes = 256 : i64, first = 0 : i64, last = 9 : i64},
                 {name = "b", offset = 256 : i64, bytes = 256 : i64, first = 0 : i64, last = 9 : i64}] {
  %s = exec.buffer state[0] at 0 : memref<32xf32>
  %t = exec.buffer state[1] at 0 : memref<32xf32>
  %a = exec.buffer arena[0] at 0 : memref<64xf32>
  %b = exec.buffer arena[0] at 256 : memref<64xf32>
  // expected-note @+1 {{the first one is on another}}
  exec.collective all_gather sum %s into %a : memref<32xf32>, memref<64xf32>
  // expected-error @+1 {{expects all collectives on one stream, so that every rank starts them in one order, is on stream 0}}
  exec.collective all_gather sum %t into %b {stream = 0 : i64} : memref<32xf32>, memref<64xf32>
}
