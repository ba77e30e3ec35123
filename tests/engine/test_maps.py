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
