"""``bundle restored``: go on after the home came back from a backup that sites are ahead of."""

from __future__ import annotations

from dataclasses import asdict

import click

from manifests.console.commands import Settings, output_option, print_json


@click.command()
@click.option(
    "--above",
    type=click.IntRange(min=1),
    metavar="VERSION",
    required=True,
    help="The highest generation that any site has, by its relay status.",
)
@output_option
@click.pass_obj
def command(settings: Settings, above: int, output: str) -> None:
    """Go on after this home came back from a backup: number what comes next above VERSION.

    Sites refuse version numbers that they have seen. From the next bundle on, every role has a higher one. What
    was sealed before is forgotten here, so the next bundle carries everything.
    """
    from bundler.home import open_home
    from bundler.jobs.renumber import renumber_above

    done = renumber_above(open_home(settings.home), above)
    if output == "json":
        print_json(asdict(done))
        return
    click.echo(f"The next version is above {done.above}. Do: bundle create, which carries everything, for every site.")
