// The schema is no formality: lines that break it are found.
#include "sinks/schema.h"

#include "sinks/records.h"
#include "unit/sinks/check_jsonl.h"
#include "unit/sinks/sample.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <sstream>

using namespace tailwhy;
using namespace tailwhy::test;
using nlohmann::json;

namespace {

// All objects with named properties, wherever they are.
void for_each_object_schema(const json& node, const std::function<void(const json&)>& f) {
  if (node.is_object() && node.contains("properties") && node["properties"].is_object()) f(node);
  if (!node.is_structured()) return;
  for (const json& child : node)
    for_each_object_schema(child, f);
}

}  // namespace

TEST_CASE("schema: is JSON, names every kind, leaves no object open", "[sinks][schema]") {
  const json schema = json::parse(json_schema());
  CHECK(schema["oneOf"].size() == 7);
  CHECK(schema["$id"] == std::string(kLogSchema));
  CHECK(json_schema().back() == '\n');
  int objects = 0;
  for_each_object_schema(schema, [&](const json& object) {
    ++objects;
    CHECK(object.value("additionalProperties", json(true)) == json(false));
    for (const json& name : object.value("required", json::array()))
      CHECK(object["properties"].contains(name));
  });
  CHECK(objects > 15);
}

TEST_CASE("schema: the checker passes its own tests", "[sinks][schema]") {
  const Checked checked = run_command("python3 " TW_CHECK_JSONL " --self-test");
  INFO(checked.output);
  CHECK(checked.status == 0);
}

TEST_CASE("schema: a field too many, too few or of the wrong type is found", "[sinks][schema]") {
  TempDir dir;
  const std::string path = dir.path("log.jsonl");
  const json good = json::parse(to_line(summary_record(sample_report(), 10)));
  write_file(path, good.dump() + "\n");
  REQUIRE(check_jsonl(dir, path).status == 0);

  struct Damage {
    json::json_pointer where;
    json value;  // discarded: the field is removed
    std::string complaint;
  };
  const json removed(json::value_t::discarded);
  const Damage damages[] = {
      {"/lost"_json_pointer, removed, "'lost' is missing"},
      {"/requests/seen"_json_pointer, removed, "'seen' is missing"},
      {"/requests/seen"_json_pointer, -1, "less than 0"},
      {"/requests/seen"_json_pointer, 1.5, "not of type integer"},
      {"/requests/new"_json_pointer, 1, "not a known field"},
      {"/latency/duration/histogram/scale"_json_pointer, 3, "is not 5"},
      {"/latency/duration/histogram/buckets/0/1"_json_pointer, 0, "less than 1"},
      {"/timestamp"_json_pointer, "2026-08-29 10:40:05", "does not match"},
      {"/loss/Ring Full"_json_pointer, 1, "does not match"},
      {"/routes/0/body"_json_pointer, "secret", "not a known field"},
      {"/routes/0/http.route"_json_pointer, std::string(161, 'x'), "longer than 160"},
      {"/error_rate"_json_pointer, 1.01, "more than 1"},
      {"/record"_json_pointer, "sumary", "none of"},
      {"/syscall_errors/0/error.type"_json_pointer, "11", "does not match"},
      {"/budget/parts_ns/lock"_json_pointer, removed, "'lock' is missing"},
      {"/budget/distributions/disk"_json_pointer, removed, "'disk' is missing"},
      {"/budget/downstream/0/client"_json_pointer, "x", "not a known field"},
      {"/budget/unattributed_share"_json_pointer, 1.2, "more than 1"},
      {"/routes/0/budget/queued_while_ns/busy"_json_pointer, -1, "less than 0"},
      {"/tail/verdict"_json_pointer, "maybe", "none of"},
      {"/tail/causes/0/cause"_json_pointer, "queue", "none of"},
      {"/tail/causes/0/extra_ns"_json_pointer, 0.5, "not of type integer"},
  };
  std::string lines;
  for (const Damage& damage : damages) {
    json bad = good;
    if (damage.value.is_discarded()) {
      bad[damage.where.parent_pointer()].erase(damage.where.back());
    } else {
      bad[damage.where] = damage.value;
    }
    lines += bad.dump() + "\n";
  }
  write_file(path, lines);
  const Checked checked = check_jsonl(dir, path, "--max-errors 100");
  CHECK(checked.status != 0);
  std::istringstream output(checked.output);
  int number = 0;
  for (const Damage& damage : damages) {
    std::string complaint;
    std::getline(output, complaint);
    INFO(damage.where.to_string());
    CHECK_THAT(complaint, Catch::StartsWith(path + ":" + std::to_string(++number) + ": "));
    CHECK_THAT(complaint, Catch::Contains(damage.complaint));
  }
}
