// Numbers of failing system calls put into words, and which failures a healthy server has all the
// time. Knows nothing of where the counts come from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tailwhy {

/// "openat"; "syscall_999" for a number that the table does not know.
std::string syscall_name(std::uint32_t number);

/// "ENOENT"; also the kernel's own codes that no program ever sees but a tracer does
/// ("ERESTARTSYS"). "errno_4000" for what has no name.
std::string errno_name(std::uint32_t error);

/// True for a failure that is part of normal operation (MEASUREMENT section 5): nothing to read
/// yet, an interrupted or timed-out wait, a look at a path that may not exist. The rules are rows
/// in syscall_names.cpp. By names, as the two functions above give them.
bool expected_failure(std::string_view call, std::string_view error);

}  // namespace tailwhy
