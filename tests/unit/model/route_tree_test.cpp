// What is learned of paths, what stays as it is, and that nobody can fill the memory.
#include "model/route_tree.h"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace tailwhy;

namespace {

std::string learn(RouteTree& tree, const std::string& path) {
  return std::string(tree.learn(Route(path)).view());
}

std::string find(const RouteTree& tree, const std::string& path) {
  return std::string(tree.find(Route(path)).view());
}

std::string user(int number) {
  std::string name = "u";
  for (; number > 0; number /= 26)
    name += static_cast<char>('a' + number % 26);
  return name;
}

}  // namespace

TEST_CASE("route tree: few names stay", "[route]") {
  RouteTree tree;
  for (int round = 0; round < 1000; ++round) {
    for (const char* path : {"/", "/a", "/a/", "/a/b", "/a/{id}", "/a/{id}.json", "*"})
      CHECK(learn(tree, path) == path);
  }
  CHECK(tree.merges() == 0);
  CHECK(tree.size() == 6);
}

TEST_CASE("route tree: many names that are hardly asked for twice are ids", "[route]") {
  RouteTree tree;
  for (int i = 1; i <= 100; ++i)
    CHECK(learn(tree, "/user/" + user(i) + "/orders") == "/user/" + user(i) + "/orders");
  CHECK(learn(tree, "/user/" + user(101) + "/orders") == "/user/{id}/orders");
  CHECK(tree.merges() == 1);
  CHECK(find(tree, "/user/" + user(1) + "/orders") == "/user/{id}/orders");
  for (int i = 100; i > 0; --i)  // the last ones are remembered as they were
    CHECK(learn(tree, "/user/" + user(i) + "/orders") == "/user/{id}/orders");
  CHECK(learn(tree, "/user/somebody/else") == "/user/{id}/else");
  CHECK(learn(tree, "/user/") == "/user/");
  CHECK(learn(tree, "/user") == "/user");
  CHECK(learn(tree, "/other/somebody") == "/other/somebody");
}

TEST_CASE("route tree: names that are asked for again and again are routes", "[route]") {
  RouteTree tree;
  for (int most = 100; most <= 400; most += 50) {
    for (int round = 0; round < 5; ++round) {
      for (int i = 1; i <= most; ++i)
        CHECK(learn(tree, "/api/" + user(i)) == "/api/" + user(i));
    }
  }
  CHECK(tree.merges() == 0);
  for (int i = 401; i <= 403; ++i)
    static_cast<void>(learn(tree, "/api/" + user(i)));
  CHECK(tree.merges() == 1);
  CHECK(find(tree, "/api/" + user(1)) == "/api/{id}");
}

TEST_CASE("route tree: a popular name among ids keeps its own", "[route]") {
  RouteTree tree;
  for (int i = 1; i <= 120; ++i) {
    static_cast<void>(learn(tree, "/user/" + user(i)));
    static_cast<void>(learn(tree, "/user/me"));
    static_cast<void>(learn(tree, "/user/me/photo"));
    static_cast<void>(learn(tree, "/user/{id}"));
  }
  CHECK(find(tree, "/user/" + user(3)) == "/user/{id}");
  CHECK(find(tree, "/user/me") == "/user/me");
  CHECK(find(tree, "/user/me/photo") == "/user/me/photo");
  CHECK(learn(tree, "/user/me") == "/user/me");
}

TEST_CASE("route tree: the same paths give the same routes", "[route]") {
  std::mt19937 random(7);
  std::vector<std::string> paths;
  for (int i = 0; i < 5000; ++i) {
    paths.push_back("/s" + user(static_cast<int>(random() % 5)) + "/" +
                    user(static_cast<int>(random() % 700)) + "/" +
                    user(static_cast<int>(random() % 3)));
  }
  RouteTree one;
  RouteTree other;
  for (const std::string& path : paths)
    CHECK(learn(one, path) == learn(other, path));
  CHECK(one.merges() == other.merges());
  CHECK(one.merges() > 0);
  for (const std::string& path : paths) {
    const std::string route = find(one, path);
    CHECK(route == learn(one, path));  // what is found is what is given next
    CHECK(route == find(one, route));  // and a route is its own
  }
}

TEST_CASE("route tree: its memory ends where it is full", "[route]") {
  RouteTree tree;
  std::mt19937 random(3);
  for (int i = 0; i < 60'000; ++i) {
    std::string path;
    for (int depth = 0; depth < 6; ++depth)
      path += "/" + user(static_cast<int>(random() % 40));
    const std::string route = learn(tree, path);
    if (route != path) CHECK(route.ends_with("/*"));
  }
  CHECK(tree.size() == RouteTree::kMostNodes);
  CHECK(tree.overflows() > 0);
  const std::uint64_t overflows = tree.overflows();
  for (int i = 0; i < 5; ++i)
    CHECK(learn(tree, "/not/known") == "/*");
  CHECK(tree.overflows() == overflows + 5);
  // Ids: what: what is given stays few all the same.
  RouteTree hostile;
  for (int i = 0; i < 60'000; ++i)
    static_cast<void>(learn(hostile, "/" + std::to_string(random()) + "/" + std::to_string(i)));
  CHECK(hostile.size() < 1000);
}

TEST_CASE("route tree: nodes that became ids are free again", "[route]") {
  RouteTree tree;
  for (int place = 0; place < 100; ++place) {
    for (int i = 1; i <= 101; ++i)
      static_cast<void>(learn(tree, "/p" + std::to_string(place % 10) + "/" + user(i) + "/x/y"));
  }
  // ten places, each with {id}, x and y
  CHECK(tree.size() == 10 * 4);
}
