"""A plan lies beside the leaderboard until all of its runs are made."""

from harness.campaign.dividing.plan_file import FOLDER, PlannedGroup, kept_plan, read_plans

GROUPS = {"a": PlannedGroup(backbone="mp_mae", dataset="crops", runs={"knn": ["1", "2"], "few_shot": ["3"]})}


def test_it_stays_as_it_was_begun_until_all_is_made(tmp_path):
    with kept_plan(tmp_path, GROUPS, lambda run_ids: run_ids[:2], anew=True):
        (first,) = read_plans(tmp_path)
    assert dict(first.groups) == GROUPS
    with kept_plan(tmp_path, GROUPS, lambda run_ids: run_ids[:2], anew=False):
        assert read_plans(tmp_path) == [first]
    with kept_plan(tmp_path, GROUPS, lambda run_ids: run_ids, anew=True):
        (again,) = read_plans(tmp_path)
        assert again.began > first.began
    assert read_plans(tmp_path) == []
    assert not (tmp_path / FOLDER).exists()


def test_what_is_no_plan_is_left_out(tmp_path):
    (tmp_path / FOLDER).mkdir()
    began = '{"format": 1, "began": "2026-01-01", "groups": {"a": {"backbone": "b", "dataset": "d", "runs": '
    foreign = (f"{began}3}}}}}}", f'{began}{{"knn": 3}}}}}}}}', f'{began}{{"knn": [3]}}}}}}}}', "[" * 100_000)
    no_plans = ("", "[]", '{"format": 2}', '{"format": 1, "began": 3, "groups": {}}', "\xff", *foreign)
    for number, text in enumerate(no_plans):
        (tmp_path / FOLDER / f"{number}.json").write_text(text, encoding="latin-1")
    assert read_plans(tmp_path) == []
