"""Pictures that have moved since a run was started, and what is said while pictures are read."""

import shutil

import pytest
from trainers import Listener, resume, start

from combogan.data.moved import moved
from combogan.data.scenes import ScenePictures
from combogan.errors import DomainError
from combogan.runs.prepare import prepare
from combogan.training.folder import RunFolder


def paint(folder, season="summer", count=4, size=40):
    folder.mkdir(parents=True)
    for index in range(count):
        ScenePictures(season, "train").picture(index, size).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def pictures(tmp_path):
    """A folder with the folders of two domains."""
    for season in ("photo", "monet"):
        paint(tmp_path / "pictures" / season, "summer" if season == "photo" else "winter")
    return tmp_path / "pictures"


@pytest.fixture
def run(tiny, pictures, tmp_path):
    """A run of two folders and the drawn spring, stopped after an iteration."""
    start(tiny, ["photo", "monet", "spring"], tmp_path / "run", data=pictures).run(lambda: True)
    return tmp_path / "run"


def test_a_run_whose_pictures_moved_goes_on_where_they_are_now_and_keeps_the_new_place(run, pictures, tmp_path):
    now = tmp_path / "now"
    pictures.rename(now)
    (now / "monet").rename(tmp_path / "paintings")
    paint(now / "spring")  # the drawn spring stays drawn
    with pytest.raises(DomainError) as refused:
        resume(run)
    assert str(refused.value) == (
        f"the pictures of 'photo' are no longer in {pictures / 'photo'}; put them back, or say where they are now with "
        "--domains photo=FOLDER, or with --data DIR if they are in DIR/photo."
    )
    listener = Listener()
    trainer = resume(run, {}, listener, domains=[f"monet={tmp_path / 'paintings'}"], data=now)
    assert trainer.run()
    assert listener.said == []
    places = {"photo": str(now / "photo"), "monet": str(tmp_path / "paintings"), "spring": "scenes/spring"}
    assert RunFolder.open(run).settings().domains == places
    assert '"domains.photo"' in (run / "history.jsonl").read_text()
    assert "domains.spring" not in (run / "history.jsonl").read_text()
    assert resume(run).iteration == 8


def test_other_pictures_in_the_new_place_are_announced(run, pictures, tmp_path):
    paint(tmp_path / "other" / "photo", "fall")
    listener = Listener()
    trainer = resume(run, {}, listener, data=tmp_path / "other")
    shown = trainer.engine.batches.pictures
    assert shown["photo"].folder == tmp_path / "other" / "photo"
    assert shown["monet"].folder == pictures / "monet"
    assert listener.said == ["the pictures of 'photo' have changed since; training goes on with the new ones."]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("phot=now", "the run has no domain 'phot'. Did you mean 'photo'? It has photo, monet, spring."),
        ("photo", "'photo' has its pictures already; write photo=FOLDER if they have moved, or leave it out."),
        ("photo=gone", "the folder 'gone' of the domain 'photo' does not exist; write photo=FOLDER with one that does"),
        ("photo={monet}", "'photo' and 'monet' would be the same pictures"),
        ("photo={photo},photo={photo}", "the domain 'photo' is given twice"),
    ],
)
def test_a_wrong_new_place_is_refused(pictures, word, sentence):
    origins = {"photo": str(pictures / "photo"), "monet": str(pictures / "monet"), "spring": "scenes/spring"}
    with pytest.raises(DomainError) as refused:
        moved(origins, word.format(**origins).split(","))
    assert str(refused.value).startswith(sentence)


def test_a_folder_that_holds_none_of_the_domains_is_refused(pictures, tmp_path):
    origins = {"photo": str(pictures / "photo"), "spring": "scenes/spring"}
    with pytest.raises(DomainError, match=r"' has no folder of a domain of the run \(photo\); give the folder"):
        moved(origins, data=tmp_path)
    assert moved(origins) == {}


def test_reading_many_pictures_is_announced(tiny, pictures):
    for index in range(500):
        shutil.copyfile(pictures / "photo" / "0.png", pictures / "photo" / f"copy-{index}.png")
    listener = Listener()
    prepare(tiny, ["photo", "monet"], data=pictures, tell=listener.tell)
    assert listener.said == ["Reading 504 pictures of 'photo' ..."]
