// Files that nobody else may read or redirect: what root writes, often into /tmp, of other people's
// requests and programs. Knows nothing of what is written.
#pragma once

#include "base/handle.h"
#include "base/result.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace tailwhy {

/// Who shall own a new file: under sudo, the user who typed it.
struct FileOwner {
  uid_t uid;
  gid_t gid;
};

/// Makes or empties the file (mode 0600), for writing. Refused are symbolic links, files of other
/// users, files with a second name, and files that another of us has open. `what` begins the
/// messages: "record to run.twcap".
Result<UniqueFd> open_private(const std::string& path,
                              const std::string& what,
                              std::optional<FileOwner> owner);

}  // namespace tailwhy
