from pathlib import Path

from llminfra.bindings.cache_dir import cache_dir


def test_the_override_wins_on_every_platform(tmp_path):
    environ = {"LLMINFRA_CACHE_DIR": str(tmp_path), "XDG_CACHE_HOME": "/elsewhere", "LOCALAPPDATA": "C:/elsewhere"}
    assert {cache_dir(environ, platform) for platform in ("linux", "darwin", "win32")} == {tmp_path}


def test_a_relative_override_is_made_absolute():
    assert cache_dir({"LLMINFRA_CACHE_DIR": "cache"}, "linux") == Path.cwd() / "cache"


def test_linux_follows_xdg_and_ignores_a_relative_folder(tmp_path):
    assert cache_dir({"XDG_CACHE_HOME": str(tmp_path)}, "linux") == tmp_path / "llminfra"
    assert cache_dir({"XDG_CACHE_HOME": "relative"}, "linux") == Path.home() / ".cache" / "llminfra"
    assert cache_dir({}, "linux") == Path.home() / ".cache" / "llminfra"


def test_macos_and_windows_use_their_own_places():
    assert cache_dir({}, "darwin") == Path.home() / "Library" / "Caches" / "llminfra"
    assert cache_dir({"LOCALAPPDATA": "local"}, "win32") == Path("local") / "llminfra" / "Cache"
