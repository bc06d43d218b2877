// The nodes of a captured graph that record events or wait for them.
#pragma once

#include "Driver.h"

namespace raddle::runtime::cuda {

/// Takes out the nodes of events whose order the graph's own edges keep, and gives how many are gone. NCCL lets each of
/// its operations in a graph record an event, so that what it does in the graph and elsewhere keeps one order. For that
/// the first wait for an event and the last record of it are enough where all nodes of the event are in a row: those
/// between them are taken out, and what was behind them depends on what they depended on. Throws no Error.
uint64_t removeInnerEvents(const Driver &cu, Graph graph);

} // namespace raddle::runtime::cuda
