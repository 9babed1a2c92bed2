// Where in the code slow requests lose their time, for the report and for JSON. Names are the
// target's: they are escaped here.
#pragma once

#include "model/slow_stacks.h"
#include "sinks/records.h"
#include "sinks/sections.h"

namespace tailwhy {

/// The lines that most time is lost at; empty if nobody asked.
Lines slow_stacks_section(const SlowStacks& stacks, const Page& page);

/// The same into a summary, at most `most` lines, with what they are of and what was not kept.
void add_slow_stacks(Json& summary, const SlowStacks& stacks, std::size_t most);

}  // namespace tailwhy
