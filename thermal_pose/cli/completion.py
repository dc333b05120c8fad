# SPDX-License-Identifier: Apache-2.0
"""Print the shell code that completes verbs and options of thermal-pose.

examples:
  eval "$(thermal-pose completion bash)"
  thermal-pose completion zsh >> ~/.zshrc
  thermal-pose completion fish > ~/.config/fish/completions/thermal-pose.fish
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="shell to write code for")


def start(args: argparse.Namespace) -> int:
    """Print the code."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["thermal-pose"], shell=args.shell))
    return 0
