"""The reference pages are what the code makes."""

from halong.reference import ROOT, comments, main, pages


def test_the_pages_are_what_the_code_makes(capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_key_of_the_samples_is_there_with_its_comment() -> None:
    page = pages()["configuration.md"]
    for sample in ("edge/edge.sample.toml", "halong/hub.sample.toml"):
        said = comments((ROOT / sample).read_text(encoding="utf-8"))
        assert len(said) > 10
        for key, comment in said.items():
            if key.startswith("mqtt.fields."):
                continue
            assert f"| `{key}` |" in page, key
            assert comment.replace("|", "\\|") in page


def test_a_comment_goes_on_over_its_lines_and_sections_count() -> None:
    sample = 'a = 1     # one\n          # two\nb = 2\n[s]\na = 3      # three\n[[t.u]]\na = "#"    # four\n'
    assert comments(sample) == {"a": "one two", "s.a": "three", "t.u.a": "four"}
