// What each record of the log looks like, for its readers: the JSON Schema (draft 2020-12) that
// --json-schema prints. It is schema.json, written by hand and apart from the code that writes the
// records: the tests hold every line that any of them writes against it.
#pragma once

#include <string_view>

namespace tailwhy {

/// The schema of one line, with a line break at its end.
std::string_view json_schema();

}  // namespace tailwhy
