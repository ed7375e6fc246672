"""A name gives the right pictures, and a wrong name an error that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from combogan.data.cards import collection, collections
from combogan.data.catalog import check_name, look_up, places, reopen, resolve
from combogan.data.test_split import held_out
from combogan.errors import DomainError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home and an empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def paint(folder: Path, count: int = 2) -> Path:
    """`count` pictures in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(folder / f"{index}.png")
    return folder


def fetched(name: str, *domains: str) -> Path:
    """A collection as `domains fetch` leaves it."""
    for domain in domains:
        paint(collection(name).folder / domain / "train", 3)
        paint(collection(name).folder / domain / "test", 1)
    return collection(name).folder


def refusal(*words: str, **options: object) -> str:
    with pytest.raises(DomainError) as caught:
        resolve(words, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_bare_names_are_the_drawn_scenes_in_the_order_given() -> None:
    winter, spring = resolve(["winter", "spring"])
    assert (winter.name, winter.origin, winter.truth) == ("winter", "scenes/winter", "scenes")
    assert (spring.name, spring.origin, len(spring.train), len(spring.test)) == ("spring", "scenes/spring", 300, 40)
    assert winter.test.names == spring.test.names


def test_the_small_drawn_collection_has_fewer_training_pictures_and_the_same_truth() -> None:
    small, all_of_them = resolve(["few=scenes-small/winter", "winter"])
    assert (small.name, small.origin, small.truth) == ("few", "scenes-small/winter", all_of_them.truth)
    assert (len(small.train), len(small.test)) == (40, 40)
    assert small.train.names == all_of_them.train.names[:40]
    assert small.test.fingerprint() == all_of_them.test.fingerprint()
    again = reopen("few", "scenes-small/winter")
    assert again.train.fingerprint() == small.train.fingerprint() != all_of_them.train.fingerprint()
    assert look_up("winter").origin == "scenes/winter"


def test_spaces_and_empty_words_around_commas_do_not_matter() -> None:
    assert [source.name for source in resolve([" summer", " ", "winter", ""])] == ["summer", "winter"]


def test_a_folder_with_train_and_test_keeps_them_apart(tmp_path: Path) -> None:
    paint(tmp_path / "a" / "train", 5), paint(tmp_path / "a" / "test", 2)
    [source] = resolve([f"mine={tmp_path / 'a'}"], needed=1)
    assert (source.name, source.origin, source.truth) == ("mine", str(tmp_path / "a"), None)
    assert (list(source.train.names), list(source.test.names)) == (
        [f"{n}.png" for n in range(5)],
        ["0.png", "1.png"],
    )
    assert source.train.picture(4, 8).getpixel((0, 0)) == (4, 0, 0)


@pytest.mark.parametrize(("count", "tested"), [(1, 1), (2, 1), (9, 1), (30, 3)])
def test_of_just_pictures_a_tenth_is_held_out_and_never_trained_on(tmp_path: Path, count: int, tested: int) -> None:
    [source] = resolve([f"mine={paint(tmp_path / 'a', count)}"], needed=1)
    assert len(source.test) == tested
    assert {*source.train.names, *source.test.names} == {f"{n}.png" for n in range(count)}
    if count > 1:
        assert not {*source.train.names} & {*source.test.names}


def test_train_without_test_holds_a_tenth_out_too(tmp_path: Path) -> None:
    paint(tmp_path / "a" / "train", 20), (tmp_path / "a" / "test").mkdir()
    [source] = resolve([f"mine={tmp_path / 'a'}"], needed=1)
    assert (len(source.train), len(source.test)) == (18, 2)


def test_one_more_picture_changes_at_most_one_of_those_held_out() -> None:
    names = [f"{n}.png" for n in range(100)]
    before, after = held_out(names), held_out([*names, "another.png"])
    assert len(before) == 10
    assert len(before - after) <= 1
    assert held_out(names[::-1]) == before


def test_the_command_line_comes_before_data_before_domains_before_cards(tmp_path: Path) -> None:
    given, data, local = paint(tmp_path / "given"), tmp_path / "data", Path("domains").resolve()
    assert look_up("summer").origin == "scenes/summer"
    paint(local / "summer")
    assert look_up("summer").origin == str(local / "summer")
    paint(data / "summer")
    assert look_up("summer", data=data).origin == str(data / "summer")
    assert look_up("winter", data=data).origin == "scenes/winter"
    assert look_up(f"summer={given}", data=data).origin == str(given)


def test_fetched_domains_are_found_by_full_name_published_name_and_bare_name() -> None:
    folder = fetched("monet2photo", "monet", "photo")
    full, bare = resolve(["monet2photo/photo", "monet"])
    assert (full.name, full.origin) == ("monet2photo/photo", "monet2photo/photo")
    assert (bare.name, bare.origin, bare.title) == ("monet", "monet2photo/monet", "paintings by Claude Monet")
    assert (len(bare.train), len(bare.test), bare.truth) == (3, 1, None)
    assert look_up("monet").folder == folder / "monet"
    fetched("yosemite", "summer", "winter")
    assert look_up("summer2winter_yosemite/summer").origin == "yosemite/summer"


def test_a_card_can_be_given_another_name() -> None:
    fetched("yosemite", "summer", "winter")
    yosemite, drawn = resolve(["real=yosemite/summer", "summer"])
    assert (yosemite.name, yosemite.origin, drawn.origin) == ("real", "yosemite/summer", "scenes/summer")


def test_domains_that_no_card_names_are_called_as_their_folders_also_when_renamed() -> None:
    folder = fetched("alps", "A", "B")
    assert collection("alps").names() == ["A", "B"]
    (folder / "A").rename(folder / "summer")
    assert look_up("alps/summer").folder == folder / "summer"
    assert look_up("summer").origin == "scenes/summer"
    assert look_up("B").origin == "alps/B"


def test_stored_origins_are_found_again(tmp_path: Path) -> None:
    for source in resolve(["summer", f"mine={paint(tmp_path / 'a', 5)}"]):
        assert reopen(source.name, source.origin) == source


def test_a_stored_card_is_not_mistaken_for_a_folder_of_that_name() -> None:
    paint(Path("scenes/summer"))
    assert reopen("summer", "scenes/summer").truth == "scenes"


def test_missing_pictures_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DomainError) as caught:
        reopen("mine", str(tmp_path / "gone"))
    assert str(caught.value) == f"the pictures of 'mine' are no longer in {tmp_path / 'gone'}; put them back."


def test_an_unknown_name_gets_the_nearest() -> None:
    assert refusal("wintr", "summer") == (
        "no domain is called 'wintr'. Did you mean 'winter'? `combogan domains list` shows all."
    )
    yours = "Where it is a folder of yours, name the folder that it lies in: --data FOLDER."
    assert refusal("qqqqq") == f"no domain is called 'qqqqq'. {yours} `combogan domains list` shows all."
    paint(Path("domains/gletscher"))
    assert "Did you mean 'gletscher'?" in refusal("gletsher", "summer")
    assert refusal("yosemite/sumer", "b") == (
        "no domain of 'yosemite' is called 'sumer'. Did you mean 'summer'? There are: summer, winter."
    )


def test_a_bare_name_of_several_collections_is_refused_with_their_names() -> None:
    assert refusal("photo", "summer") == (
        "several collections have a domain 'photo': cezanne2photo/photo, cityscapes-paired/photo, "
        "cityscapes/photo, facades-paired/photo, facades/photo, "
        "monet2photo/photo, ukiyoe2photo/photo, vangogh2photo/photo; write the one you mean in full, "
        "or name the folder that yours lies in: --data FOLDER."
    )


def test_a_name_that_is_not_in_the_folder_of_pictures_is_said_to_be_missing_there(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"in full, or make the folder '.*/photo', which is not there\.$"):
        resolve(["photo", "summer"], data=tmp_path)
    with pytest.raises(DomainError, match=r"no domain is called 'qqqqq'\. There is no folder '.*/qqqqq' either\."):
        resolve(["qqqqq", "summer"], data=tmp_path)


def test_a_collection_is_not_a_domain() -> None:
    assert refusal("monet2photo", "summer") == (
        "'monet2photo' is a collection of domains; name one of them: monet2photo/monet, monet2photo/photo."
    )


@pytest.mark.parametrize("word", ["monet", "monet2photo/monet", "mine=monet2photo/monet"])
def test_what_is_not_fetched_says_how_to_fetch_it(word: str) -> None:
    name = word.partition("=")[0]
    assert refusal(word, "summer") == (
        f"the pictures of '{name}' are not fetched yet; `combogan domains fetch monet2photo` fetches them."
    )


def test_a_collection_without_named_domains_must_be_fetched_before_any_is_known() -> None:
    expected = "the pictures of 'alps' are not fetched yet; `combogan domains fetch alps` fetches them."
    assert refusal("alps", "summer") == expected
    assert refusal("alps/summer", "summer") == expected


def test_the_same_domain_twice_is_refused(tmp_path: Path) -> None:
    folder = paint(tmp_path / "a")
    assert refusal("summer", "winter", "summer") == "the domain 'summer' is given twice; name each domain once."
    assert refusal("summer", f"Summer={folder}") == "the domain 'Summer' is given twice; name each domain once."
    assert refusal("summer", "scenes/summer") == (
        "'summer' and 'scenes/summer' are the same pictures (scenes/summer); give two sets."
    )
    assert refusal(f"a={folder}", f"b={tmp_path}/../{tmp_path.name}/a") == (
        f"'a' and 'b' are the same pictures ({folder}); give two sets."
    )
    fetched("monet2photo", "monet")
    assert "are the same pictures" in refusal("monet", f"b={collection('monet2photo').folder / 'monet'}")


def test_a_name_that_would_lie_in_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    one, two = paint(tmp_path / "a"), paint(tmp_path / "b")
    assert refusal(f"alps={one}", f"alps/summer={two}") == (
        "'alps' and 'alps/summer' cannot be used together, because one would lie in the folder of the other; "
        "rename one with NAME=FOLDER."
    )


def test_too_few_domains_are_refused() -> None:
    assert refusal("summer") == (
        "at least two domains are needed, but found 'summer'; name more, separated by commas, such as summer,winter."
    )
    assert refusal() == (
        "at least two domains are needed, but found none; name more, separated by commas, such as summer,winter."
    )
    assert len(resolve(["summer"], needed=1)) == 1
    assert "at least 1 domain is needed" in refusal(needed=1)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("no picture")
    assert refusal(f"mine={tmp_path / 'text'}", "summer") == (
        f"the folder '{tmp_path / 'text'}' of the domain 'mine' holds no pictures; put some there."
    )
    assert f"the folder '{tmp_path / 'empty' / 'train'}'" in refusal(f"mine={tmp_path / 'empty'}", "summer")


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert refusal("mine=nowhere", "summer") == (
        "the folder 'nowhere' of the domain 'mine' does not exist; write mine=FOLDER with one that does."
    )
    assert refusal("mine=", "summer") == "'mine=' names no folder; write NAME=FOLDER, such as mine=pictures/mine."
    assert refusal("summer", "winter", data=tmp_path / "nowhere") == (
        f"the folder '{tmp_path / 'nowhere'}' given with --data does not exist; give one with a folder per domain."
    )


def test_a_folder_of_several_domains_is_refused_as_one(tmp_path: Path) -> None:
    paint(tmp_path / "all" / "a" / "train"), paint(tmp_path / "all" / "b" / "train")
    assert refusal(f"mine={tmp_path / 'all'}", "summer") == (
        f"the folder '{tmp_path / 'all'}' of the domain 'mine' holds several domains (a, b); "
        f"name each, such as a={tmp_path / 'all' / 'a'}."
    )


def test_a_folder_in_place_of_a_name_gets_the_right_spelling(tmp_path: Path) -> None:
    folder = paint(tmp_path / "Van Gogh")
    assert refusal(str(folder), "summer") == (
        f"'{folder}' is a folder, not the name of a domain; write NAME=FOLDER, such as Van-Gogh={folder}."
    )


@pytest.mark.parametrize("words", ["summer,winter", {"summer": "a", "winter": "b"}])
def test_what_is_no_list_of_domains_is_refused_and_not_taken_for_one(words: object) -> None:
    with pytest.raises(DomainError, match=r"domains are given as a list .* but this is a (str|dict)"):
        resolve(words)  # type: ignore[arg-type]


def test_a_folder_whose_path_could_be_a_name_gets_the_right_spelling_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path / "pictures" / "monet")
    monkeypatch.chdir(tmp_path)
    assert refusal("pictures/monet", "summer") == (
        "'pictures/monet' is a folder, not the name of a domain; write NAME=FOLDER, such as monet=pictures/monet."
    )


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode here")
def test_names_that_are_not_utf_8_are_taken_for_pictures_and_refused_for_folders(tmp_path: Path) -> None:
    folder = paint(tmp_path / "mine")
    (folder / os.fsdecode(b"\xff.png")).write_bytes(next(folder.iterdir()).read_bytes())
    assert len(resolve([f"mine={folder}"], needed=1)[0].train) > 0
    assert "has a name that is not UTF-8" in refusal(f"other={folder.rename(tmp_path / os.fsdecode(bytes([255])))}")


@pytest.mark.parametrize("name", ["a", "summer-2", "alps/summer", "été", "2024_07", "a/b/c", "x" * 80])
def test_names_that_can_be_folders_are_taken_as_they_are(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".hidden", "a/../b", "a//b", "/a", "a/", "a b", "a.b", "a=b", "a,b", "a->b", "-a", "_a"),
        *("a\\b", "a\n", "a:b", "a*", "x" * 81),
    ],
)
def test_names_that_cannot_be_folders_are_refused(name: str) -> None:
    with pytest.raises(DomainError) as caught:
        check_name(name)
    assert str(caught.value) == (
        f"'{name}' cannot be the name of a domain; use letters, digits, '_' and '-', beginning with a letter or digit, "
        f"in parts separated by '/', at most 80 characters in all."
    )


@pytest.mark.parametrize("name", ["all", "ALL", "con", "alps/nul", "COM1"])
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(DomainError, match="means something else; rename it"):
        check_name(name)


def test_letters_written_in_two_ways_are_one_name() -> None:
    assert check_name("e\u0301te\u0301") == "\u00e9t\u00e9"


def test_a_collection_is_found_by_its_name_before_the_name_it_was_published_under() -> None:
    assert (collection("facades").layout, collection("facades").ending) == ("named", ".zip")
    assert (collection("facades-paired").published, collection("facades-paired").ending) == ("facades", ".tar.gz")
    assert look_up("facades/photo").origin == "facades/photo"
    assert look_up("facades-paired/photo").origin == "facades-paired/photo"
    assert "'maps' is a collection of domains" in refusal("maps", "summer")


def test_of_pictures_side_by_side_a_card_says_which_half_is_which() -> None:
    cards = [card for card in collections().values() if card.layout == "side-by-side"]
    left = {card.name: next(name for name, about in card.domains.items() if about.half == "left") for card in cards}
    assert left == {
        "cityscapes-paired": "photo",
        "edges2handbags": "edges",
        "edges2shoes": "edges",
        "facades-paired": "photo",
        "maps-paired": "aerial",
        "night2day": "night",
    }
    for card in cards:
        assert sorted(about.half for about in card.domains.values()) == ["left", "right"]
        assert card.url == f"http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{card.published}.tar.gz"


def test_every_card_is_complete_and_every_name_in_it_can_be_used() -> None:
    assert next(iter(collections())) == "scenes"
    sets = "apple2orange summer2winter_yosemite horse2zebra monet2photo cezanne2photo ukiyoe2photo vangogh2photo maps "
    sets += "cityscapes facades iphone2dslr_flower alps_seasons painters_14 edges2shoes edges2handbags night2day"
    assert {card.published for card in collections().values()} == {
        "scenes",
        "scenes-small",
        "scenes-paired",
        "things",
        *sets.split(),
    }
    for card in collections().values():
        assert all([card.title, card.licence, card.citation, card.source]), card.name
        assert all(check_name(f"{card.name}/{name}") for name in card.domains)
        assert (card.layout == "unnamed") == (not card.domains) == bool(card.count)
        if card.layout == "named":
            folders = [folder for domain in card.domains.values() for folder in (domain.train, domain.test)]
            assert folders == ["trainA", "testA", "trainB", "testB"]
        assert all(domain.title for domain in card.domains.values())


def test_an_unknown_collection_gets_the_nearest() -> None:
    with pytest.raises(DomainError) as caught:
        collection("monet2foto")
    assert str(caught.value).startswith(
        "no collection is called 'monet2foto'. Did you mean 'monet2photo'? There are: scen"
    )


def test_every_listed_name_leads_to_the_place_it_is_listed_with(tmp_path: Path) -> None:
    paint(Path("domains/winter")), paint(tmp_path / "data" / "mine"), fetched("alps", "A")
    listed = {place.name: place for place in places(tmp_path / "data")}
    assert {"mine", "winter", "summer", "scenes/winter", "monet2photo/monet", "alps/A"} < set(listed)
    for name, place in listed.items():
        assert look_up(name, data=tmp_path / "data") == place


def test_resolving_imports_no_torch_and_decodes_no_picture(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.jpg").write_bytes(b"\xff\xd8\xff broken")
    code = f"""
import sys
from combogan.data.catalog import resolve
assert len(resolve(["summer", "mine={folder}"])[1].train) == 2
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
