#include "model/route_tree.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tailwhy {
namespace {

constexpr std::string_view kId = "{id}";
constexpr std::string_view kRest = "/*";
// Children with at least this share of what is asked for below a place keep their names: "/user/me"
// is none of the users.
constexpr std::uint64_t kPopular = 10;
constexpr std::uint64_t kRareUses = 2;

// Calls f(segment) for each segment of a path, until it says no.
template <class F>
void for_each_segment(std::string_view path, F&& f) {
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const std::size_t end = std::min(path.find('/'), path.size());
    if (!f(path.substr(0, end))) return;
    path.remove_prefix(end);
  }
}

}  // namespace

RouteTree::RouteTree() : root_(std::make_unique<Node>()) {}
RouteTree::~RouteTree() = default;

// Recursion goes as deep as a route has segments (kRouteSegments of proto/route.h, and one).
std::uint64_t RouteTree::uses_below(const Node& node) {
  std::uint64_t uses = node.uses;
  for (const auto& [name, child] : node.children)
    uses += uses_below(*child);
  return uses;
}

std::size_t RouteTree::count_below(const Node& node) {
  std::size_t count = node.children.size();
  for (const auto& [name, child] : node.children)
    count += count_below(*child);
  return count;
}

// All children but popular ones become one, whose own children are to be learned anew.
void RouteTree::merge_children(Node& node) {
  std::uint64_t all = 0;
  std::size_t rare = 0;
  std::vector<std::pair<Children::iterator, std::uint64_t>> children;
  for (auto at = node.children.begin(); at != node.children.end(); ++at) {
    const std::uint64_t uses = uses_below(*at->second);
    children.emplace_back(at, uses);
    all += uses;
    rare += uses <= kRareUses ? 1 : 0;
  }
  if (children.size() <= kMostChildren && rare * 2 < children.size()) return;
  for (const auto& [at, uses] : children) {
    if (uses * kPopular >= all || at->first == kId || at->first.empty()) continue;
    nodes_ -= 1 + count_below(*at->second);
    node.children.erase(at);
  }
  node.merged = true;
  ++merges_;
  known_ = {};
}

// Null: there is none, and no room for it.
RouteTree::Node* RouteTree::child_of(Node& node, std::string_view segment, std::string_view& name) {
  name = segment;
  auto found = node.children.find(segment);
  if (found == node.children.end() && node.merged && !segment.empty()) {
    name = kId;
    found = node.children.find(kId);
  }
  if (found != node.children.end()) return found->second.get();
  if (nodes_ >= kMostNodes) return nullptr;
  ++nodes_;
  return node.children.emplace(std::string(name), std::make_unique<Node>()).first->second.get();
}

const Route& RouteTree::learn(const Route& path) {
  Known& known = known_[Hash{}(path.view()) % kKnown];
  if (known.node != nullptr && known.path == path) {
    ++known.node->uses;
    overflows_ += known.cut ? 1 : 0;
    return known.route;
  }
  if (!path.view().starts_with('/')) {
    known = {.path = path, .route = path, .node = root_.get()};
    return known.route;
  }
  Route route;
  Node* node = root_.get();
  Node* crowded = nullptr;
  bool cut = false;
  for_each_segment(path.view(), [&](std::string_view segment) {
    std::string_view name;
    const std::size_t before = node->children.size();
    Node* child = child_of(*node, segment, name);
    if (child == nullptr) {
      cut = true;
      route.append(kRest);
      return false;
    }
    const std::size_t now = node->children.size();
    if (!node->merged && now > before && now > kManyChildren) crowded = node;
    node = child;
    route.append("/");
    route.append(name);
    return true;
  });
  ++node->uses;
  overflows_ += cut ? 1 : 0;
  const std::uint64_t merges = merges_;
  if (crowded != nullptr) merge_children(*crowded);
  if (merges_ != merges) route = find(path);
  Known& fresh = known_[Hash{}(path.view()) % kKnown];
  fresh.path = path;
  fresh.route = route;
  fresh.node = merges_ == merges ? node : nullptr;
  fresh.cut = cut;
  return fresh.route;
}

Route RouteTree::find(const Route& path) const {
  if (!path.view().starts_with('/')) return path;
  Route route;
  const Node* node = root_.get();
  for_each_segment(path.view(), [&](std::string_view segment) {
    std::string_view name = segment;
    const Node* child = nullptr;
    if (node != nullptr) {
      auto found = node->children.find(segment);
      if (found == node->children.end() && node->merged && !segment.empty()) {
        name = kId;
        found = node->children.find(kId);
      }
      if (found != node->children.end()) child = found->second.get();
    }
    node = child;
    route.append("/");
    route.append(name);
    return true;
  });
  return route;
}

}  // namespace tailwhy
