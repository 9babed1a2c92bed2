// Streams and language models of a summary as JSON.
#pragma once

#include "model/report.h"
#include "sinks/records.h"

#include <cstddef>

namespace tailwhy {

/// Adds "streams" and "gen_ai", each only if there are any, with at most `max_rows` rows.
void add_streams(Json& json, const Report& total, std::size_t max_rows);

}  // namespace tailwhy
