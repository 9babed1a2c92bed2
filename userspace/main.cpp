// tailwhy: says what the clients of a running server wait for, and why.
#include "cli/commands.h"

int main(int argc, char** argv) {
  return tailwhy::run_cli(argc, argv);
}
