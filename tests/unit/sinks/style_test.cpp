// Lines, facts, tables, bars: what they cut and what they never do.
#include "sinks/style.h"

#include "base/utf8.h"

#include <catch2/catch.hpp>

using namespace tailwhy;

namespace {

std::string text_of(const Lines& lines, std::size_t width = 200) {
  return render(lines, {}, width);
}
std::string text_of(const Line& line, std::size_t width) {
  return text_of(Lines{line}, width);
}

}  // namespace

TEST_CASE("line: pieces follow each other and blanks at the end are not written",
          "[sinks][style]") {
  Line line("ab");
  line.pad_to(5).add("cd").pad_to(20);
  CHECK(line.width() == 20);
  CHECK(text_of(line, 80) == "ab   cd\n");
  CHECK(text_of(Line(), 80) == "\n");
}

TEST_CASE("line: what is too wide is cut and says so", "[sinks][style]") {
  Line line("abcdef");
  CHECK(text_of(line, 6) == "abcdef\n");
  CHECK(text_of(line, 5) == "abcd…\n");
  line.add("ghi");
  CHECK(text_of(line, 9) == "abcdefghi\n");
  CHECK(text_of(line, 8) == "abcdefg…\n");
  CHECK(text_of(line, 6) == "abcde…\n");  // the cut falls between two pieces
  CHECK(text_of(line, 1) == "…\n");
  CHECK(text_of(line, 0) == "\n");
}

TEST_CASE("line: colours are written only when asked for, around text only", "[sinks][style]") {
  Line line("ab", Tone::Bad);
  line.pad_to(4).add("cd", Tone::Plain).add("  ", Tone::Good);
  std::string out;
  line.render(out, {.colour = true}, 80);
  CHECK(out == "\x1b[1;31mab\x1b[0m  cd");
}

TEST_CASE("line: a label takes the place of blanks", "[sinks][style]") {
  const Lines lines = facts("Label", {{"one"}}, {}, 80);
  CHECK(text_of(lines) == "Label        one\n");
  CHECK(lines[0].width() == kLabelWidth + 3);
}

TEST_CASE("facts: wrapped between facts, and inside of one only if it must be", "[sinks][style]") {
  const std::vector<Piece> pieces = {{"first fact"}, {"second fact"}, {"a third, longer fact"}};
  CHECK(text_of(facts("L", pieces, {}, 80)) ==
        "L            first fact · second fact · a third, longer fact\n");
  CHECK(text_of(facts("L", pieces, {}, 40)) ==
        "L            first fact · second fact\n"
        "             a third, longer fact\n");
  CHECK(text_of(facts("L", pieces, {}, 25)) ==
        "L            first fact\n"
        "             second fact\n"
        "             a third,\n"
        "             longer fact\n");
  CHECK(text_of(facts("L", pieces, {.charset = Charset::Ascii}, 80)) ==
        "L            first fact | second fact | a third, longer fact\n");
  CHECK(facts("L", {}, {}, 80).empty());
}

TEST_CASE("table: columns are aligned by what they show, not by bytes", "[sinks][style]") {
  Table table({{"Name", Align::Left}, {"n"}}, 2);
  table.add_row({{"µs"}, {"1"}});
  table.add_row({{"longer"}, {"100"}});
  CHECK(text_of(table.lines({}, 80)) ==
        "Name        n\n"
        "  µs        1\n"
        "  longer  100\n");
}

TEST_CASE("table: a narrow screen shrinks one column, then drops the dispensable",
          "[sinks][style]") {
  Table table({{"Name", Align::Left, 0, 6},
               {"often"},
               {"seldom", Align::Right, 2},
               {"rare", Align::Right, 1}},
              0);
  table.add_row({{"a-long-name"}, {"1"}, {"2"}, {"3"}});
  CHECK(text_of(table.lines({}, 80)) ==
        "Name         often  seldom  rare\n"
        "a-long-name      1       2     3\n");
  CHECK(text_of(table.lines({}, 30)) ==
        "Name       often  seldom  rare\n"
        "a-long-n…      1       2     3\n");
  CHECK(text_of(table.lines({}, 26)) ==
        "Name         often  rare\n"
        "a-long-name      1     3\n");
  CHECK(text_of(table.lines({}, 13)) ==
        "Name    often\n"
        "a-lon…      1\n");
}

TEST_CASE("table: a column that no row uses is not shown", "[sinks][style]") {
  Table table({{"Name", Align::Left}, {"unused"}, {"n"}}, 0);
  table.add_row({{"a"}, {}, {"1"}});
  CHECK(text_of(table.lines({}, 80)) == "Name  n\na     1\n");
}

TEST_CASE("bar: from nothing to full, and something is never nothing", "[sinks][style]") {
  CHECK(bar(0, 4, {}).empty());
  CHECK(bar(0.0001, 4, {}) == "▏");
  CHECK(bar(0.5, 4, {}) == "██");
  CHECK(bar(1, 4, {}) == "████");
  CHECK(bar(7, 4, {}) == "████");
  const Style ascii{.charset = Charset::Ascii};
  CHECK(bar(0, 4, ascii).empty());
  CHECK(bar(0.0001, 4, ascii) == "*");
  CHECK(bar(1, 4, ascii) == "****");
}
