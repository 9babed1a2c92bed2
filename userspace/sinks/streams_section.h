// The part of the report about answers that came as streams, and about language models.
#pragma once

#include "model/report.h"
#include "sinks/sections.h"

#include <cstddef>

namespace tailwhy {

/// Of each streaming route how many answers and events, when the first event came and how long it
/// was between events; of each model its tokens. At most `max_rows` of each; nothing if there were
/// none.
Lines streams_section(const Report& report, std::size_t max_rows, const Page& page);

}  // namespace tailwhy
