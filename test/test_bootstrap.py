# SPDX-License-Identifier: Apache-2.0
import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "bootstrap.py"
#: Finds the package lists locked twice, then succeeds; writes its arguments down each time.
APT_GET = """#!/bin/sh
echo "$@" >> calls
[ "$(wc -l < calls)" -gt 2 ] && exit 0
echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
exit 100
"""


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "APT_RETRY_S", 0.0)
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.chdir(tmp_path)
    return module


def imitate(folder: Path, script: str) -> None:
    program = folder / "apt-get"
    program.write_text(script)
    program.chmod(0o755)


def test_it_waits_for_another_apt_get(bootstrap, tmp_path: Path, capsys) -> None:
    imitate(tmp_path, APT_GET)
    bootstrap.install_debian(["g++"], "a compiler is needed")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 4 and all("DPkg::Lock::Timeout=300" in call for call in calls)
    assert calls[2].endswith("update") and calls[3].endswith("--no-install-recommends g++")
    assert capsys.readouterr().out.count("waiting for another apt-get") == 2


def test_another_failure_of_apt_get_ends_it(bootstrap, tmp_path: Path) -> None:
    imitate(tmp_path, "#!/bin/sh\necho 'E: Unable to locate package'\nexit 100\n")
    with pytest.raises(bootstrap.SetupError, match="Unable to locate package"):
        bootstrap.install_debian(["g++"], "a compiler is needed")
