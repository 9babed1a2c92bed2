#include "cli/completion.h"

#include "base/text.h"
#include "cli/options.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

namespace tailwhy {

namespace {

std::vector<std::string> names_of(const OptionInfo& option) {
  std::vector<std::string> names;
  std::string_view rest = option.names;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    if (name.starts_with('-')) names.emplace_back(name);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
  }
  return names;
}

bool takes_file(const OptionInfo& option) {
  return option.value.find("FILE") != std::string::npos;
}

// "all|slow|failed|sampled" -> "all slow failed sampled"; empty if the value is not a choice.
std::string choices_of(const OptionInfo& option) {
  if (option.value.find('|') == std::string::npos) return {};
  std::string words = option.value;
  std::replace(words.begin(), words.end(), '|', ' ');
  return words;
}

std::string join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words)
    line += (line.empty() ? "" : " ") + word;
  return line;
}

std::string bash() {
  const std::vector<CommandInfo> commands = describe_options();
  std::string subcommands;
  for (const CommandInfo& command : commands) {
    if (!command.name.empty()) subcommands += (subcommands.empty() ? "" : " ") + command.name;
  }
  std::string out =
      "# bash completion of tailwhy, printed by `tailwhy completion bash`\n"
      "_tailwhy() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [ \"$word\" = -- ] && { COMPREPLY=($(compgen -c -- \"$cur\")); return; }\n"
      "    case $word in\n";
  for (const CommandInfo& command : commands) {
    if (!command.name.empty()) out += fmt::format("      {0}) cmd={0} ;;\n", command.name);
  }
  out +=
      "    esac\n"
      "  done\n"
      "  case $prev in\n"
      "    -p|--pid) COMPREPLY=($(compgen -W \"$(command ps -eo pid=)\" -- \"$cur\")); return ;;\n"
      "    --comm) COMPREPLY=($(compgen -W \"$(command ps -eo comm=)\" -- \"$cur\")); return ;;\n";
  std::vector<std::string> done = {"-p", "--pid", "--comm"};
  for (const CommandInfo& command : commands) {
    for (const OptionInfo& option : command.options) {
      if (option.value.empty()) continue;
      std::string pattern;
      for (const std::string& name : names_of(option)) {
        if (std::find(done.begin(), done.end(), name) != done.end()) continue;
        done.push_back(name);
        pattern += (pattern.empty() ? "" : "|") + name;
      }
      if (pattern.empty()) continue;
      const std::string words = choices_of(option);
      const std::string reply = takes_file(option) ? "$(compgen -f -- \"$cur\")"
                                : words.empty()
                                    ? ""
                                    : fmt::format("$(compgen -W \"{}\" -- \"$cur\")", words);
      out += fmt::format("    {}) COMPREPLY=({}); return ;;\n", pattern, reply);
    }
  }
  out += "  esac\n  case $cmd in\n";
  for (const CommandInfo& command : commands) {
    std::vector<std::string> words;
    for (const OptionInfo& option : command.options) {
      for (const std::string& name : names_of(option))
        words.push_back(name);
    }
    if (command.name == "completion") words.insert(words.end(), {"bash", "zsh", "fish"});
    if (command.name.empty()) words.push_back(subcommands);
    const std::string files =
        command.name == "report" ? " $(compgen -f -- \"$cur\")" : std::string();
    out += fmt::format("    {}) COMPREPLY=($(compgen -W \"{}\" -- \"$cur\"){}) ;;\n",
                       command.name.empty() ? "''" : command.name, join(words), files);
  }
  out += "  esac\n}\ncomplete -o filenames -F _tailwhy tailwhy\n";
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string fish() {
  std::string out =
      "# fish completion of tailwhy, printed by `tailwhy completion fish`\n"
      "complete -c tailwhy -f\n";
  for (const CommandInfo& command : describe_options()) {
    const std::string when = command.name.empty() ? "__fish_use_subcommand"
                                                  : "__fish_seen_subcommand_from " + command.name;
    if (!command.name.empty()) {
      out += fmt::format("complete -c tailwhy -n __fish_use_subcommand -a {} -d {}\n", command.name,
                         quoted(command.help));
    }
    for (const OptionInfo& option : command.options) {
      std::string line = "complete -c tailwhy -n " + quoted(when);
      for (const std::string& name : names_of(option)) {
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (names_of(option).empty()) {
        line += takes_file(option) ? " -F" : " -a 'bash zsh fish'";
      } else if (takes_file(option)) {
        line += " -r -F";
      } else if (!choices_of(option).empty()) {
        line += " -x -a " + quoted(choices_of(option));
      } else if (!option.value.empty()) {
        line += option.value == "PID" ? " -x -a '(__fish_complete_pids)'" : " -x";
      }
      out += line + " -d " + quoted(option.help) + "\n";
    }
  }
  return out;
}

// zsh runs the bash function through its own emulation, which ships with every zsh.
std::string zsh() {
  return "#compdef tailwhy\n# zsh completion of tailwhy, printed by `tailwhy completion zsh`\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash();
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return zsh();
  if (shell == "fish") return fish();
  return {};
}

}  // namespace tailwhy
