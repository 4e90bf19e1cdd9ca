"""What makes the numbers of a report worth less than they look, in sentences."""

from collections.abc import Iterator

from msgspec import Struct

from andon.bench.report import Report

MOST_CPU_SHARE = 0.8
"""Of a core; a generator that uses more may be what bounds the throughput."""
MOST_LATE_MS = 5.0
"""A generator that sends later than this, in one of a hundred requests, distorts what it measures."""
KEPT_UP = 0.95
"""A service that answers less than this share of what is sent has a queue that grows."""
FEW = 1000
"""With fewer answers p99.9 is the slowest one."""


class Doubt(Struct, frozen=True):
    """One reason, in the languages of the page."""

    english: str
    chinese: str


def doubts_of(report: Report) -> Iterator[Doubt]:
    """Yield each reason for doubt; all numbers of the report but its warnings are there."""
    yield from _about_answers(report)
    yield from _about_the_balance(report)
    yield from _about_the_generator(report)
    if report.interrupted:
        measured_s, wanted_s = f"{report.measured_s:g}", f"{report.plan.duration_s:g}"
        yield Doubt(
            f"interrupted after {measured_s} s of {wanted_s} s that were to be measured",
            f"测量被中断：计划 {wanted_s} 秒，只测了 {measured_s} 秒",
        )
    if 0 < report.ok < FEW:
        yield Doubt(
            f"{report.ok} good answers are few: of fewer than {FEW:,}, p99.9 says no more than max",
            f"只有 {report.ok} 个正确应答：少于 {FEW:,} 个时，p99.9 并不比最大值说明更多",
        )
    machine = report.machine
    if machine.load_before > 0.5 * machine.cores:
        yield Doubt(
            f"other work ran on this machine before: a load of {machine.load_before:.1f} on {machine.cores} cores",
            f"此前机器上有其他任务：{machine.cores} 个核心，负载 {machine.load_before:.1f}",
        )


def _about_answers(report: Report) -> Iterator[Doubt]:
    if report.measured == 0:
        yield Doubt(
            "no request that was due after the warm-up was sent, so there is no latency",
            "预热之后没有发出任何请求，因此没有延迟数据",
        )
    elif report.ok == 0:
        yield Doubt("no answer was good, so there is nothing to measure", "没有正确应答，因此无可测量")
    if report.images > 1 and report.label_count == 1:
        label = repr(next(iter(report.labels)))
        yield Doubt(
            f"all {report.images} images got the same label, {label}: that proves nothing of the answers; send images "
            "that the model tells apart",
            f"全部 {report.images} 张图像得到同一标签 {label}：这不能证明应答正确；请发送模型能够区分的图像",
        )
    elif report.images == 1:
        yield Doubt(
            "one image was sent again and again: nothing tells whether answers go to whom they belong; send several",
            "反复发送同一张图像：无法判断应答是否回到各自的请求；请发送多张图像",
        )


def _about_the_balance(report: Report) -> Iterator[Doubt]:
    count = report.requests
    if count.missing:
        yield Doubt(
            f"{count.missing:,} requests have no answer and no error",
            f"{count.missing:,} 个请求既无应答也无错误",
        )
    if count.doubled:
        yield Doubt(
            f"{count.doubled:,} answers came that nobody waited for: second ones, or under a wrong id",
            f"收到 {count.doubled:,} 个无人等待的应答：重复应答，或编号错误",
        )


def _about_the_generator(report: Report) -> Iterator[Doubt]:
    generator, plan = report.generator, report.plan
    sent_per_s = report.measured / report.measured_s
    if generator.held_back or generator.unsent:
        yield Doubt(
            f"the bound of {plan.connections:,} requests in flight was reached: {generator.held_back:,} requests were "
            f"sent late, which counts as latency, and {generator.unsent:,} not at all; the service does not keep up "
            f"with {plan.rate:g} a second, or --connections is too low for it",
            f"同时进行的请求达到上限 {plan.connections:,}：{generator.held_back:,} 个请求发送推迟（计入延迟），"
            f"{generator.unsent:,} 个未能发送；服务跟不上每秒 {plan.rate:g} 个请求，或 --connections 太小",
        )
    elif plan.rate and not report.errors and report.throughput_per_s < KEPT_UP * sent_per_s:
        yield Doubt(
            f"{sent_per_s:.4g} requests a second were sent and {report.throughput_per_s:.4g} answered: the service "
            "does not keep up, so its queue grows, and latency says how long it was measured",
            f"每秒发送 {sent_per_s:.4g} 个请求，应答 {report.throughput_per_s:.4g} 个：服务跟不上，队列不断变长，"
            "延迟只反映测量了多久",
        )
    elif plan.is_open and generator.late_ms_p99 > MOST_LATE_MS:
        yield Doubt(
            f"the generator itself was late by {generator.late_ms_p99:.1f} ms (p99), up to "
            f"{generator.late_ms_max:.1f} ms, which counts as latency: the rate is too high for it, or other work "
            "takes its core",
            f"负载发生器自身发送滞后 {generator.late_ms_p99:.1f} 毫秒（p99），最多 {generator.late_ms_max:.1f} 毫秒，"
            "计入延迟：速率对它过高，或其他任务占用了它的核心",
        )
    if generator.cpu_share > MOST_CPU_SHARE and report.target.kind == "service":
        yield Doubt(
            f"the generator used {generator.cpu_share:.0%} of a core: it may be what bounds the throughput",
            f"负载发生器用了 {generator.cpu_share:.0%} 个核心：吞吐量可能受它限制",
        )
