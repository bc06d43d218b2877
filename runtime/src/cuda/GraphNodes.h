// The nodes of a captured graph, before it is made executable.
#pragma once

#include "MemoryKernels.h"

#include "raddle/runtime/GraphCensus.h"

namespace raddle::runtime::cuda {

/// Makes a graph cheaper for the host to launch, child graphs too: puts kernels in the place of memsets and small copies
/// within the memory of a device, with the same dependencies and dependents, and takes out inner nodes of events
/// (GraphEvents.h). What cannot be replaced stays. Libraries add such nodes where they are captured. Gives the numbers
/// of nodes that are there then, none where the driver cannot tell. Throws no Error.
GraphCensus lightenGraph(const Driver &cu, const MemoryKernels &kernels, Device device, Graph graph);

/// Writes the graph to a file in DOT, the language of Graphviz. Gives what went wrong, nothing where all went well.
std::string drawGraph(const Driver &cu, Graph graph, const std::string &path);

} // namespace raddle::runtime::cuda
