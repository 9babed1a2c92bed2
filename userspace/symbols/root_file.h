// Files as another process sees them: names are looked up below its root, so that a container's own
// files are read, and no link in it leads out. What is no regular file is never opened for reading.
#pragma once

#include "base/handle.h"

#include <string>

namespace tailwhy {

/// A directory to look up below; invalid if it cannot be had.
UniqueFd open_root(const std::string& path);

/// The regular file `path` below `root`, for reading; invalid if there is none.
UniqueFd open_below(int root, const std::string& path);

/// The regular file that one of our own names leads to, for reading; invalid if there is none.
UniqueFd open_regular(const std::string& path);

}  // namespace tailwhy
