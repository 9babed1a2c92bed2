// Opening what a sink writes to. "-" is standard output everywhere.
#pragma once

#include "base/async_writer.h"

#include <string>
#include <string_view>

namespace tailwhy {

/// A writer to the file `path`, or to a copy of standard output.
Result<AsyncWriter> open_output(const std::string& path, const AsyncWriterOptions& options = {});

/// Writes everything to `path` before it returns. A regular file appears whole or not at all: it is
/// written beside its place and then moved there.
Result<> write_output(const std::string& path, std::string_view text);

}  // namespace tailwhy
