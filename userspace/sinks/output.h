// Opening what a sink writes to. "-" is standard output everywhere.
#pragma once

#include "base/async_writer.h"

#include <optional>
#include <string>
#include <string_view>

namespace tailwhy {

/// A writer to the file `path`, or to a copy of standard output.
Result<AsyncWriter> open_output(const std::string& path, const AsyncWriterOptions& options = {});

/// As a path for write_output(): standard error, whatever it is.
inline constexpr std::string_view kStandardError = "&2";

/// Writes everything to `path` before it returns. A regular file appears whole or not at all: it is
/// written beside its place and then moved there.
Result<> write_output(const std::string& path, std::string_view text);

/// Whether a writer failed because its reader has gone away.
bool is_closed_pipe(const std::optional<Error>& error);

/// Whether write_output() could write there; Io, NotFound or Permission if not. Tried without
/// touching the file.
Result<> check_output(const std::string& path);

}  // namespace tailwhy
