// The BPF object and the hook table are written in two places: do they agree? The object is opened,
// not loaded, so this needs no privilege.
#include "tailwhy/abi/config.h"

#include "bpf/hooks.h"
#include "bpf/libbpf_log.h"

#include <catch2/catch.hpp>

#include <bpf/libbpf.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

using namespace tailwhy;

namespace {

struct ObjectCloser {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, ObjectCloser>;

Object open_object() {
  const LibbpfLog log;
  Object object(bpf_object__open_file(TW_BPF_OBJECT, nullptr));
  INFO(TW_BPF_OBJECT << ": " << log.last_words());
  REQUIRE(object != nullptr);
  return object;
}

// Where each program of the table is, and how often.
std::map<std::string, int> table_programs() {
  std::map<std::string, int> count;
  for (const HookSpec& hook : hook_table()) {
    for (const HookVariant& variant : hook.variants) {
      for (const HookProgram& program : variant.programs) {
        ++count[std::string(program.name)];
      }
    }
  }
  return count;
}

// The kernel cuts names there.
constexpr std::size_t kNameMax = 15;

}  // namespace

TEST_CASE("object: every program is in exactly one row of the hook table", "[object]") {
  const Object object = open_object();
  auto in_table = table_programs();
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const std::string name = bpf_program__name(program);
    INFO(name);
    CHECK(in_table[name] == 1);
    in_table.erase(name);
  }
  for (const auto& [name, count] : in_table) {
    FAIL_CHECK("the table has " << name << ", the object does not");
  }
}

TEST_CASE("object: no program is loaded unless the plan says so", "[object]") {
  const Object object = open_object();
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    INFO(bpf_program__name(program) << " " << bpf_program__section_name(program));
    CHECK_FALSE(bpf_program__autoload(program));
  }
}

TEST_CASE("object: names of programs and maps are not cut by the kernel", "[object]") {
  const Object object = open_object();
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    INFO(bpf_program__name(program));
    CHECK(std::string_view(bpf_program__name(program)).size() <= kNameMax);
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    INFO(bpf_map__name(map));
    if (!bpf_map__is_internal(map)) {
      CHECK(std::string_view(bpf_map__name(map)).size() <= kNameMax);
    }
  }
}

TEST_CASE("object: the settings have the layout that the loader writes", "[object]") {
  const Object object = open_object();
  bpf_map* map = nullptr;
  int found = 0;
  bpf_object__for_each_map(map, object.get()) {
    const std::string_view name = bpf_map__name(map);
    if (!name.ends_with(".rodata")) continue;
    ++found;
    CHECK(bpf_map__value_size(map) >= sizeof(tw_config));
  }
  CHECK(found == 1);
}

TEST_CASE("hooks: every row says what it gives and has a way to get it", "[hooks]") {
  std::map<std::string_view, int> names;
  for (const HookSpec& hook : hook_table()) {
    INFO(hook.name);
    CHECK(++names[hook.name] == 1);
    CHECK_FALSE(hook.gives.empty());
    REQUIRE_FALSE(hook.variants.empty());
    CHECK(hook.variants.front().lacks.empty());
    for (const HookVariant& variant : hook.variants) {
      CHECK_FALSE(variant.name.empty());
      CHECK_FALSE(variant.programs.empty());
    }
  }
}
