// Completion scripts for shells, generated from the options as the parser knows them.
#pragma once

#include <string>
#include <string_view>

namespace tailwhy {

/// For "bash", "zsh" or "fish"; empty for others.
std::string completion_script(std::string_view shell);

}  // namespace tailwhy
