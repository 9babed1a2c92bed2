// Asks the running kernel what it can do: by its BTF, and by really loading programs of two
// instructions. Never by its version: distributions backport.
#pragma once

#include "bpf/features.h"

namespace tailwhy {

/// Takes some tens of milliseconds: ask once. What BTF says needs no privilege, the rest does; what
/// could not be told without it is Support::Unknown.
KernelFeatures detect_features();

}  // namespace tailwhy
