// Which paths a user's pattern names, and what cannot be a pattern.
#include "proto/route.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace tailwhy;

namespace {

struct Row {
  std::string_view target;
  std::string_view route;
  RouteSource source = RouteSource::Pattern;
};

void check(const std::vector<std::string>& texts, const std::vector<Row>& rows) {
  const auto patterns = RoutePatterns::compile(texts);
  REQUIRE(patterns);
  for (const Row& row : rows) {
    INFO(row.target);
    for (std::size_t piece = 1; piece <= row.target.size(); ++piece) {
      RouteBuilder builder(&*patterns);
      for (std::size_t at = 0; at < row.target.size(); at += piece)
        builder.append(row.target.substr(at, piece));
      CHECK(builder.finish().view() == row.route);
      CHECK(builder.source() == row.source);
    }
  }
}

std::string error_of(const std::string& text) {
  const std::vector<std::string> texts{text};
  const auto patterns = RoutePatterns::compile(texts);
  return patterns ? "" : patterns.error().message();
}

}  // namespace

TEST_CASE("route patterns: a placeholder stands for one segment", "[proto][route]") {
  check({"/user/{name}", "/:tenant/report/2024", "/file/*/raw"},
        {
            {"/user/alice", "/user/{name}"},
            {"/user/42?x=1", "/user/{name}"},
            {"/user/%2F;v=1", "/user/{name}"},
            {"http://host/user/a#b", "/user/{name}"},
            {"/acme/report/2024", "/:tenant/report/2024"},
            {"/acme/report/2025", "/acme/report/{id}", RouteSource::Classified},
            {"/file/a.txt/raw", "/file/*/raw"},
            {"/user/", "/user/", RouteSource::Classified},
            {"/user", "/user", RouteSource::Classified},
            {"/user/alice/orders", "/user/alice/orders", RouteSource::Classified},
            {"/User/alice", "/User/alice", RouteSource::Classified},
            {"/user//alice", "/user//alice", RouteSource::Classified},
            {"*", "*", RouteSource::None},
            {"host:443", "", RouteSource::None},
        });
}

TEST_CASE("route patterns: two stars stand for whatever follows", "[proto][route]") {
  check({"/static/**", "/a/{b}/**"},
        {
            {"/static", "/static/**"},
            {"/static/", "/static/**"},
            {"/static/js/app.js", "/static/**"},
            {"/static/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18", "/static/**"},
            {"/a/b", "/a/{b}/**"},
            {"/a", "/a", RouteSource::Classified},
        });
  check({"/**"}, {{"/", "/**"}, {"/x/y", "/**"}, {"*", "*", RouteSource::None}});
}

TEST_CASE("route patterns: the first that matches is the route", "[proto][route]") {
  check({"/user/me", "/user/{id}", "/user/**", "/"}, {
                                                         {"/user/me", "/user/me"},
                                                         {"/user/you", "/user/{id}"},
                                                         {"/user/you/orders", "/user/**"},
                                                         {"/", "/"},
                                                         {"http://host", "/"},
                                                         {"http://host?x", "/"},
                                                     });
  check({"/user/**", "/user/me"}, {{"/user/me", "/user/**"}});
}

TEST_CASE("route patterns: longer segments and paths than rules look at", "[proto][route]") {
  const std::string segment(200, 'a');
  const std::string deep = "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/{id}";
  check({"/x/{y}/z", deep, "/" + segment.substr(0, 64)},
        {
            {"/x/" + segment + "/z", "/x/{y}/z"},
            {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/sixteen", deep},
            {"/" + segment, "/{id}", RouteSource::Classified},  // 64 bytes of it are compared
        });
}

TEST_CASE("route patterns: what cannot be one", "[proto][route]") {
  CHECK(error_of("user/{id}").find("does not begin with /") != std::string::npos);
  CHECK(error_of("").find("does not begin with /") != std::string::npos);
  CHECK(error_of("/a/**/b").find("** must be the end") != std::string::npos);
  CHECK(error_of("/a{b}").find("whole segment") != std::string::npos);
  CHECK(error_of("/:id.json").find("whole segment") != std::string::npos);
  CHECK(error_of("/{a}{b}").find("whole segment") != std::string::npos);
  CHECK(error_of("/" + std::string(65, 'a')).find("64 bytes") != std::string::npos);
  CHECK(error_of("/a*").find("whole segment") != std::string::npos);
  CHECK(error_of("/a?b=1").find("only paths") != std::string::npos);
  CHECK(error_of("/" + std::string(160, 'a')).find("160 bytes") != std::string::npos);
  CHECK(error_of("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17").find("16 segments") !=
        std::string::npos);
  CHECK(error_of("/a b").find("characters") != std::string::npos);
  CHECK(error_of("/\x1b[31m").find('\x1b') == std::string::npos);
  const std::vector<std::string> many(RoutePatterns::kMost + 1, "/a");
  CHECK_FALSE(RoutePatterns::compile(many));
}
