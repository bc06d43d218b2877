// Functions of a driver whose graphs lie in memory of the host, which is its device's memory, too.
#pragma once

#include "cuda/Driver.h"

#include <deque>
#include <utility>
#include <vector>

/// One at a time; `functions` have what the editing of graphs and loading of kernels need, all else is null.
class RecordingDriver {
public:
  struct Node {
    raddle::runtime::cuda::NodeType type;
    raddle::runtime::cuda::MemsetParameters memset = {};
    raddle::runtime::cuda::CopyParameters copy = {};
    std::string kernel = {}; ///< its symbol, where the device was given code; empty: one that adds 1 to `at`
    raddle::runtime::cuda::Address dst = 0, src = 0;
    uint64_t bytes = 0;
    unsigned blocks = 0;
    int *at = nullptr;
    size_t child = 0;
    raddle::runtime::cuda::Event event = nullptr;
    size_t graph = 0; ///< that it belongs to
    bool destroyed = false;
  };
  struct Edge {
    Node *from, *to;
    raddle::runtime::cuda::EdgeData data = {};
  };

  RecordingDriver();
  ~RecordingDriver();

  raddle::runtime::cuda::Driver functions{};
  /// Addresses from the first up to the second are the host's alone.
  std::pair<const void *, const void *> host = {};
  /// What the driver refuses.
  bool refusesNodes = false, refusesDestruction = false;

  raddle::runtime::cuda::Graph graph(size_t index) { return reinterpret_cast<raddle::runtime::cuda::Graph>(index + 1); }
  /// Adds a node as a capture does, behind `before`.
  Node *add(size_t graph, Node node, const std::vector<Node *> &before = {});

  std::vector<const Node *> nodes(size_t graph) const;
  std::vector<const Node *> dependencies(const Node *node) const;

  /// Does what the nodes of a graph do, each behind those that it depends on.
  void launch(size_t graph);

private:
  friend struct DriverFunctions;
  std::deque<Node> all;
  std::vector<Edge> edges;
  std::vector<std::string> symbols; // of functions
};
