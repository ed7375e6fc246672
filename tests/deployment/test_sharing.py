"""Packs pushed and pulled: through a folder, a real HTTP server that can break off, and an S3 server."""

import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest
import torch

from combogan.deployment.listing import LISTING
from combogan.deployment.pull import SOURCE, cache, pull, pulled
from combogan.deployment.push import chosen, push
from combogan.errors import PackError, TransferError
from combogan.evaluation.arrival import Arrival
from combogan.evaluation.classifier import CLASSIFIER, classifier_of, write_classifier
from combogan.evaluation.image_features import VALUES
from combogan.networks.blocks import initialise
from combogan.networks.decoder import ResnetDecoder
from combogan.networks.encoder import ResnetEncoder
from combogan.networks.shared import SharedBlocks
from combogan.registry.pack import NewPack, SharedPart, publish
from combogan.registry.registry import Registry

OUTSIDE = "/home/jane/pictures/fall"


def make_run(path, names=("summer", "fall"), shared=None):
    """A run with packs of untrained, tiny networks."""
    packs = []
    for index, name in enumerate(names):
        encoder, decoder = ResnetEncoder(width=2, blocks=1), ResnetDecoder(width=2, blocks=1)
        for part, network in enumerate((encoder, decoder)):
            initialise(network, torch.Generator().manual_seed(2 * index + part))
        origin = f"scenes/{name}" if name == "summer" else OUTSIDE
        about = {"date": "2025-01-01T00:00:00+00:00", "updates": 1234, "origin": origin}
        packs.append(NewPack(name, encoder, decoder, ("7f3a", "7f3a"), 64, about, index))
    (path / "samples").mkdir(parents=True)
    domains = "\n".join(f'{name} = "scenes/{name}"' for name in names)
    (path / "settings.toml").write_text(f"[domains]\n{domains}\n")
    (path / "samples" / "000004.png").write_bytes(b"the sample grid")
    return publish(path / "packs", packs, shared=shared)


@pytest.fixture
def run(tmp_path):
    make_run(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def pushed(run, tmp_path):
    push(chosen(Registry.open(run), []), str(tmp_path / "pushed"))
    return tmp_path / "pushed"


@pytest.fixture
def server(pushed, monkeypatch):
    """The pushed folder by HTTP: without a listing of folders, without ranges; `breaks` are names cut short, once."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            content = self.server.folder.joinpath(self.path.lstrip("/"))
            self.server.asked.append(self.path.lstrip("/"))
            if not content.is_file():
                self.send_error(404)
                return
            content = content.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            cut = self.path.lstrip("/") in self.server.breaks
            self.server.breaks.discard(self.path.lstrip("/"))
            self.wfile.write(content[: len(content) // 2] if cut else content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(pushed))) as http:
        http.folder, http.asked, http.breaks = pushed, [], set()
        http.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def relist(folder, change):
    """Rewrite the listing of a folder as someone would who means harm."""
    table = json.loads((folder / LISTING).read_text())
    change(table["files"])
    (folder / LISTING).write_text(json.dumps(table))


def entry(content):
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_what_is_pushed_and_pulled_translates_as_before(run, pushed, tmp_path):
    folder = pull(str(pushed), tmp_path / "pulled")
    assert files(folder) == {**files(pushed), SOURCE: str(pushed).encode()}
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    before, after = (Registry.open(place).compose("summer", "fall")(image) for place in (run, folder))
    assert torch.equal(before, after)


def test_the_listing_names_every_file_with_its_size_and_hash(pushed):
    listed = json.loads((pushed / LISTING).read_text())["files"]
    found = files(pushed)
    del found[LISTING]
    assert listed == {name: entry(content) for name, content in found.items()}
    assert {"summer/pack.json", "summer/encoder.safetensors", "fall/decoder.safetensors", "grid.png"} <= set(listed)


def test_no_card_that_is_pushed_names_a_folder_of_this_computer(run, pushed):
    assert OUTSIDE in (run / "packs/fall/pack.json").read_text()
    assert not any(OUTSIDE.encode() in content for content in files(pushed).values())
    assert json.loads((pushed / "summer/pack.json").read_text())["about"]["origin"] == "scenes/summer"


def test_the_model_card_has_the_hubs_metadata_the_domains_and_the_scores(run, tmp_path):
    truth = {"psnr": 19.71, "ssim": 0.6}
    pair = {"source": "summer", "target": "fall", "truth": truth, "translation": {"arrival": 0.75, "kid": None}}
    (run / "evaluation.json").write_text(json.dumps({"pairs": [pair, {**pair, "target": "elsewhere"}]}))
    push(chosen(Registry.open(run), []), str(tmp_path / "there"), licence="cc-by-4.0")
    text = (tmp_path / "there/README.md").read_text()
    assert "| summer -> fall | 19.71 dB | 0.600 | 75% |" in text
    assert "| summer | drawn landscapes in summer (scenes) | MIT" in text
    assert "| fall | of the author's own |" in text
    assert "elsewhere" not in text
    card = pytest.importorskip("huggingface_hub").ModelCard(text).data
    assert (card.license, card.library_name, card.pipeline_tag) == ("cc-by-4.0", "combogan", "image-to-image")
    assert [(one.dataset_name, one.metric_type, one.metric_value) for one in card.eval_results] == [
        ("summer -> fall", "psnr", 19.71),
        ("summer -> fall", "ssim", 0.6),
        ("summer -> fall", "arrival", 0.75),
    ]


def test_scores_that_are_older_than_the_packs_are_left_out_and_it_is_said(run, tmp_path):
    (run / "evaluation.json").write_text("{}")
    os.utime(run / "evaluation.json", (0, 0))
    said = []
    push(chosen(Registry.open(run), []), str(tmp_path / "there"), tell=said.append)
    assert "are older than its packs" in said[0]
    assert not (tmp_path / "there/evaluation.json").exists()


def test_the_classifier_of_the_run_goes_along_and_is_found(run, tmp_path):
    weights = {"mean": torch.zeros(VALUES), "deviation": torch.ones(VALUES)}
    weights |= {"weight": torch.zeros(VALUES, 2).double(), "bias": torch.zeros(2).double()}
    write_classifier(run / CLASSIFIER, Arrival(("summer", "fall"), weights, size=16))
    push(chosen(Registry.open(run), []), str(tmp_path / "there"))
    folder = pull(str(tmp_path / "there"), tmp_path / "pulled")
    assert classifier_of(Registry.open(folder)).domains == ("summer", "fall")


def test_pushing_again_writes_only_what_changed_and_never_loses_other_packs(run, pushed, tmp_path):
    old = {name: (pushed / name).stat().st_mtime_ns for name in files(pushed)}
    push(chosen(Registry.open(run), []), str(pushed))
    new = {name: (pushed / name).stat().st_mtime_ns for name in files(pushed)}
    assert {name for name in old if old[name] != new[name]} == {LISTING}
    with pytest.raises(PackError, match="holds packs of fall too; push to another folder"):
        push(chosen(Registry.open(run), ["summer"]), str(pushed))


def test_shared_blocks_go_along(tmp_path):
    blocks = [SharedBlocks(channels=8, blocks=1, domains=2, activation="relu", norm="instance") for _ in range(2)]
    make_run(tmp_path / "run", shared=SharedPart(*blocks, "7f3a"))
    push(chosen(Registry.open(tmp_path / "run"), []), str(tmp_path / "pushed"))
    folder = pull(str(tmp_path / "pushed"), tmp_path / "pulled")
    there, here = (Registry.open(one).compose("summer", "fall") for one in (tmp_path / "run", folder))
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(here(image), there(image))


def test_a_transfer_that_breaks_off_is_not_seen_and_is_taken_up(server, tmp_path):
    server.breaks.add("summer/decoder.safetensors")
    with pytest.raises(TransferError, match="run the same command again"):
        pull(server.url, tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()
    assert not list(tmp_path.rglob("*.partial"))
    first, server.asked = server.asked, []
    assert files(pull(server.url, tmp_path / "pulled")).keys() - {SOURCE} == files(server.folder).keys()
    assert "summer/decoder.safetensors" in first
    assert set(first) & set(server.asked) == {LISTING, "summer/decoder.safetensors"}
    assert not list(tmp_path.glob(".*"))


def test_processes_that_pull_the_same_wait_for_each_other(server, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: pull(server.url, tmp_path / "pulled"), range(4)))
    assert set(folders) == {tmp_path / "pulled"}
    assert server.asked.count("summer/decoder.safetensors") == 1
    assert not list(tmp_path.glob(".*"))


def test_a_changed_source_is_pulled_again_and_only_what_changed(server, tmp_path):
    pull(server.url, tmp_path / "pulled")
    card = server.folder / "README.md"
    card.write_text("changed")
    relist(server.folder, lambda files: files.update({"README.md": entry(b"changed")}))
    server.asked = []
    pull(server.url, tmp_path / "pulled")
    assert server.asked == [LISTING, "README.md"]
    assert (tmp_path / "pulled/README.md").read_text() == "changed"


def test_a_server_that_is_gone_leaves_the_packs_of_the_last_time(server, monkeypatch, tmp_path):
    said = []
    folder = pulled(server.url, tell=said.append)
    assert folder == cache(server.url)
    gone = "http://127.0.0.1:9"
    folder.rename(cache(gone))
    assert pulled(gone, tell=said.append) == cache(gone)
    assert said[0].startswith(f"{gone} cannot be read (")
    assert said[0].endswith("The packs that were pulled from there before are used.")
    with pytest.raises(TransferError):
        pulled(f"{gone}/elsewhere", tell=said.append)


WEIGHTS = "summer/encoder.safetensors"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda files: files.update({"../outside": entry(b"")}), "could lead out of the folder"),
        (lambda files: files.update({"/etc/passwd": entry(b"")}), "could lead out of the folder"),
        (lambda files: files.update({"a\\..\\b": entry(b"")}), "could lead out of the folder"),
        (lambda files: files.update({"C:/x": entry(b"")}), "could lead out of the folder"),
        (lambda files: files.update({"summer/.hidden": entry(b"")}), "could lead out of the folder"),
        (lambda files: files.update({"summer/virus.exe": entry(b"")}), "that no card names"),
        (lambda files: files.update({"other/encoder.safetensors": entry(b"")}), "that no card names"),
        (lambda files: files[WEIGHTS].update(size=10**7), "what it is has at most"),
        (lambda files: files["summer/pack.json"].update(size=10**9), "what it is has at most"),
        (lambda files: files["grid.png"].update(size=3), "larger than its listing says"),
        (lambda files: files["grid.png"].update(entry(b"other sample gr")), "damaged, or was replaced"),
        (lambda files: files["grid.png"].update(size=10**6), "broke off after 15 of 1,000,000 bytes"),
        (lambda files: files[WEIGHTS].update(sha256="0" * 64), "not the file that its card names"),
        (lambda files: files.pop(WEIGHTS), "lacks summer/encoder.safetensors"),
        (lambda files: files.update({"grid.png": {"size": -1, "sha256": ""}}), "cannot be used"),
        (lambda files: files.update({"autumn/pack.json": files["fall/pack.json"]}), "lacks autumn/pack.json"),
        (lambda files: files.clear(), "has no packs"),
    ],
)
def test_what_a_source_must_not_ask_for_is_refused_and_nothing_is_written(pushed, tmp_path, change, complaint):
    relist(pushed, change)
    before = {path for path in tmp_path.rglob("*") if ".pulled" not in path.name and ".part" not in str(path)}
    with pytest.raises((PackError, TransferError), match=complaint):
        pull(str(pushed), tmp_path / "into/pulled")
    after = {path for path in tmp_path.rglob("*") if ".pulled" not in path.name and ".part" not in str(path)}
    assert after - before <= {tmp_path / "into"}


def test_a_card_in_the_folder_of_another_domain_is_refused(pushed, tmp_path):
    content = (pushed / "fall/pack.json").read_bytes()
    (pushed / "summer/pack.json").write_bytes(content)
    listed = {name: entry((pushed / "fall" / name).read_bytes()) for name in ("pack.json", "encoder.safetensors")}
    listed["decoder.safetensors"] = entry((pushed / "fall/decoder.safetensors").read_bytes())
    relist(pushed, lambda files: files.update({f"summer/{name}": one for name, one in listed.items()}))
    with pytest.raises(PackError, match=r"summer/pack\.json of .* is the card of 'fall', in another folder"):
        pull(str(pushed), tmp_path / "pulled")


def test_a_folder_that_holds_something_else_is_left_alone(pushed, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter").touch()
    with pytest.raises(PackError, match="is not empty; pull to another folder"):
        pull(str(pushed), tmp_path / "mine")
    pushed.rename(tmp_path / "moved")
    pull(str(tmp_path / "moved"), tmp_path / "pulled")
    (tmp_path / "moved").rename(pushed)
    with pytest.raises(PackError, match=r"holds packs from .*moved; pull to another folder"):
        pull(str(pushed), tmp_path / "pulled")


def test_an_s3_bucket_takes_and_gives_packs(run, tmp_path, monkeypatch):
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("no_proxy", "*")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        import boto3

        packs = chosen(Registry.open(run), [])
        with pytest.raises(TransferError, match="s3://nobodys/seasons cannot be written to"):
            push(packs, "s3://nobodys/seasons")
        bucket = boto3.client("s3")
        bucket.create_bucket(Bucket="bucket")
        listing = push(packs, "s3://bucket/seasons")
        keys = {one["Key"] for one in bucket.list_objects_v2(Bucket="bucket")["Contents"]}
        assert keys == {f"seasons/{name}" for name in [*listing.files, LISTING]}
        folder = pull("s3://bucket/seasons", tmp_path / "pulled")
        assert files(folder / "summer").keys() == {"pack.json", "encoder.safetensors", "decoder.safetensors"}
        with pytest.raises(PackError, match=r"there are no shared packs at s3://bucket/elsewhere"):
            pull("s3://bucket/elsewhere", tmp_path / "nothing")
        bucket.close()
    finally:
        server.stop()


def test_the_words_of_push_and_pull(run, server, tmp_path, called):
    there = str(tmp_path / "there")
    code, stdout, stderr = called("packs", "push", there, "--registry", str(run))
    size = sum(map(len, files(tmp_path / "there").values())) - len((tmp_path / "there" / LISTING).read_bytes())
    assert code == 0
    assert stdout == f"fall, summer: 8 files, {size / 1e6:,.1f} MB, are at {there}.\n"
    assert "has no scores, so the model card has none" in stderr
    code, stdout, _ = called("packs", "pull", there, "-o", str(tmp_path / "got"))
    assert (code, stdout) == (0, f"fall, summer: pulled to {tmp_path / 'got'}.\n")
    code, _, stderr = called("packs", "push", server.url, "--registry", str(run))
    assert code == 2
    assert stderr.endswith("its kind of address cannot; give a folder, s3://, hf:// or ssh://.\n")
    code, _, stderr = called("packs", "pull", "nokind://x")
    assert code == 2
    assert stderr.startswith("Error: nokind://x cannot be opened (Protocol not known: nokind); check the address")
    code, _, stderr = called("packs", "pull", str(run))
    assert code == 2
    assert "it has no listing.json; `combogan packs push` writes one" in stderr


def test_a_url_is_a_registry(server, called):
    code, stdout, _ = called("packs", "list", "--registry", server.url)
    assert code == 0
    assert [line.split()[0] for line in stdout.splitlines()] == ["domain", "fall", "summer"]
    assert str(cache(server.url)) in stdout


def test_a_missing_package_is_named_with_the_extra(called):
    fsspec.register_implementation("far", "package_that_is_missing.System", errtxt="install it.", clobber=True)
    code, _, stderr = called("packs", "pull", "far://host/x")
    assert code == 2
    assert stderr == (
        "Error: far://host/x needs a package that is not installed (install it); pip install "
        '"combogan[hub]" has those for http, s3, hf and ssh.\n'
    )


def test_passwords_are_not_shown(capsys):
    from combogan.deployment.remote import shown

    assert shown("ssh://jane:secret@host/x") == "ssh://jane@host/x"
    assert shown("https://host/a@b:c") == "https://host/a@b:c"
