// The answer in words: what the slow requests spend their extra time on. Which requests those are,
// and whether there is anything to say, is decided in model/why_slow.h; here are the words, and
// they never claim more than the numbers.
//
// Rules:
//  1. The largest reason is named with its share of the extra time, and the next one if it explains
//     at least 15 %. Causes that are one reason are added up: a wait for a CPU before and after the
//     read, and other requests on the same thread before and after the read. A share above 99.5 %
//     is "all of" it, also where it is more than 100 % because slow requests spend less on others;
//     then there is no next one.
//  2. A reason has a name when one takes more than half of its time in the slow requests: the
//  server
//     that was called, the system call that was slept in.
//  3. Time that could not be attributed is no reason. Above 15 % it is said, and why if one gap has
//     more than half of it; above 50 % it comes first.
//  4. What clients wait for and no duration holds has a sentence of its own: connections that
//  waited
//     in the accept queue for at least 1 ms and a tenth of a slow request, those that were turned
//     away there, and segments sent again: at least 0.1 per slow request and twice the typical.
#pragma once

#include "model/report.h"
#include "model/why_slow.h"
#include "sinks/style.h"

#include <string>

namespace tailwhy {

/// One to a few sentences on one line, safe to print; empty when no budget is known.
std::string why_sentence(const WhySlow& why, const Report& report, const Style& style);

}  // namespace tailwhy
