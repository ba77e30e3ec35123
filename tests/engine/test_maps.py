import time, json
import pytest
from app.parts import Parts
from domain.run_commands import CancelRun
from tests.engine.crew import *
from tests.engine.crew import a_run, node, edges, a_worker, work_off, run_of, statuses_of, steps_of, jobs_of
from tests.studio import tenant

def amap(id, nodes, links, **c):
    return node(id, "map", nodes=nodes, edges=[{"source": a, "target": b} for a, b in (l.split(">") for l in links)], **c)
def inner(id, kind, **config):
    return {"id": id, "kind": kind, "config": config}

def mapped(n):
    sub = [inner("each","input",name="each",type="json"), *[inner(f"p{i}","prompt",template="x{{text}}") for i in range(n-2)], inner("made","output")]
    names=[s["id"] for s in sub]
    return [node("ask","input",name="items",type="json"), node("style","input",name="style",maxLength=32000), amap("many", sub, [f"{a}>{b}" for a,b in zip(names,names[1:])]), node("out","output")]

async def test_big(parts: Parts):
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_run(owner, mapped(3), edges("ask>many.each","many>out"), items=[str(i) for i in range(1000)], style="s")
    t=time.time()
    for i in range(2):
        jobs = await jobs_of(parts)
        print("jobs", len(jobs)); 
        await asyncio.gather(*map(worker.do, jobs)); print("round", time.time()-t); t=time.time()
    await jobs_of(parts)
    for _ in range(1):
        jobs = (await jobs_of(parts))
    r = await run_of(owner, run); print(r.metrics, r.progress)
    print(parts.database.engine.pool.status())

async def test_cancel_big(parts: Parts):
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_run(owner, mapped(9), edges("ask>many.each","many>out"), items=[str(i) for i in range(1000)], style="s")
    t=time.time()
    for i in range(2):
        jobs = await jobs_of(parts)
        if len(jobs)>10: break
        await asyncio.gather(*map(worker.do, jobs)); print("round", time.time()-t); t=time.time()
    r = await run_of(owner, run); print(r.metrics, r.progress); t=time.time()
    await owner.do(CancelRun(id=run.id)); print("cancel", time.time()-t)

async def beat(gaps):
    last=time.time()
    while True:
        await asyncio.sleep(0.01); n=time.time(); gaps.append(n-last); last=n

async def test_gap(parts: Parts):
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_run(owner, mapped(9), edges("ask>many.each","many>out"), items=[str(i) for i in range(1000)], style="s")
    for i in range(2):
        jobs = await jobs_of(parts)
        gaps=[]; b=asyncio.create_task(beat(gaps))
        await asyncio.gather(*map(worker.do, jobs)); b.cancel(); print("gap make", max(gaps), sum(g for g in gaps if g>.05))
    gaps=[]; b=asyncio.create_task(beat(gaps))
    await owner.do(CancelRun(id=run.id)); print("cancel gap", max(gaps), sorted(gaps)[-5:])
    b.cancel()

async def test_given(parts: Parts):
    owner, worker = await tenant(parts), a_worker(parts)
    m = mapped(9)
    m[2].config["nodes"].append(inner("st","input",name="st",maxLength=32000))
    m[2].config["nodes"][1]["config"]["template"]="{{st}}"
    run = await a_run(owner, m, edges("ask>many.each","many>out","style>many.st"), items=[str(i) for i in range(990)], style="s"*32000)
    import resource
    for i in range(2):
        jobs = await jobs_of(parts); t=time.time()
        await asyncio.gather(*map(worker.do, jobs)); print("make", time.time()-t)
    print(await statuses_of(owner, run) if False else (await run_of(owner,run)).metrics, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

async def test_deep(parts: Parts):
    owner, worker = await tenant(parts), a_worker(parts)
    for n in (300, 990):
        nodes=[node("ask","input",name="x"), node("c","condition",operator="equals",operand="a"), *[node(f"p{i}","prompt",template="{{text}}") for i in range(n)]]
        run = await a_run(owner, nodes, edges("ask>c","c.else>p0",*[f"p{i}>p{i+1}" for i in range(n-1)]), x="a")
        t=time.time(); gaps=[]; b=asyncio.create_task(beat(gaps))
        await work_off(parts, worker); print(n, time.time()-t, max(gaps), (await run_of(owner, run)).status); b.cancel()
