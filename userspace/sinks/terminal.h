// The terminal itself: how large it is, and the sequences that take and give back its screen.
#pragma once

#include <cstddef>
#include <string_view>

namespace tailwhy {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// What the kernel says about `fd`, else COLUMNS and LINES, else 80 by 24.
TerminalSize terminal_size(int fd) noexcept;

/// The alternate screen, without a cursor and without wrapping of lines that are too long.
inline constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
inline constexpr std::string_view kLeaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Lets output go on that the user had stopped with Ctrl-S. Async-signal-safe.
void resume_output(int fd) noexcept;

/// Keys come as they are typed and are not shown; Ctrl-C and Ctrl-Z work as ever. False, and
/// nothing is changed, if `fd` is no terminal or its keys are not ours (a background job).
bool take_keys(int fd) noexcept;
/// The terminal as it was before take_keys(). Async-signal-safe.
void give_back_keys() noexcept;
/// Whether the keys of the terminal `fd` are this process group's now. Async-signal-safe.
bool keys_are_ours(int fd) noexcept;

/// Gives back what take_keys() took, and writes kLeaveScreen at once, or gives up after 200 ms.
/// Async-signal-safe: for the last breath of a process that cannot end in an orderly way.
void restore_terminal(int fd) noexcept;

/// Writes kEnterScreen at once: what was drawn before is drawn again by the next frame.
/// Async-signal-safe.
void enter_live_screen(int fd) noexcept;

}  // namespace tailwhy
