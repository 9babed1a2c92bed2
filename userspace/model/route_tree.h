// Learns which segments of paths are names of things and not of routes, where no rule can tell by
// the segment alone: "/user/alice" and "/user/bob" are "/user/{id}" once there are too many of
// them. Deterministic: the same paths in the same order give the same routes. Bounded: when it is
// full, paths that it does not know end with "/*". Knows nothing of requests.
#pragma once

#include "model/request.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tailwhy {

class RouteTree {
 public:
  /// A place with more children than this has ids for children, if at least half of them were asked
  /// for at most twice...
  static constexpr std::size_t kManyChildren = 100;
  /// ... and in any case with more than this.
  static constexpr std::size_t kMostChildren = 400;
  static constexpr std::size_t kMostNodes = 8192;

  RouteTree();
  ~RouteTree();
  RouteTree(const RouteTree&) = delete;
  RouteTree& operator=(const RouteTree&) = delete;

  /// Counts a path, a template of the fixed rules (proto/route.h), and gives its route. The text
  /// lives until the next call.
  const Route& learn(const Route& path);
  /// Its route by what is known now; nothing is learned. What is not known stays as it is.
  [[nodiscard]] Route find(const Route& path) const;

  /// Times that children became ids: routes that were given before that may be others now.
  [[nodiscard]] std::uint64_t merges() const { return merges_; }
  /// Nodes, its root not counted.
  [[nodiscard]] std::size_t size() const { return nodes_; }
  /// Paths that ended with "/*" because it was full.
  [[nodiscard]] std::uint64_t overflows() const { return overflows_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Node;
  using Children = std::unordered_map<std::string, std::unique_ptr<Node>, Hash, std::equal_to<>>;
  struct Node {
    Children children;
    std::uint64_t uses = 0;  // of paths that end here
    bool merged = false;     // a child that is not there is an id
  };
  // What a path was found to be: most are asked for again.
  struct Known {
    Route path;
    Route route;
    Node* node = nullptr;
    bool cut = false;
  };
  static constexpr std::size_t kKnown = 64;

  static std::uint64_t uses_below(const Node& node);
  static std::size_t count_below(const Node& node);
  Node* child_of(Node& node, std::string_view segment, std::string_view& name);
  void merge_children(Node& node);

  std::unique_ptr<Node> root_;
  std::size_t nodes_ = 0;
  std::uint64_t merges_ = 0;
  std::uint64_t overflows_ = 0;
  std::array<Known, kKnown> known_;
};

}  // namespace tailwhy
