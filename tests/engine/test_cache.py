import asyncio, time
from tests.engine.test_maps import mapped, a_run, edges, tenant, a_worker, jobs_of, CancelRun, run_of, steps_of, inner, amap, node
async def drive(parts, worker, t):
    while jobs := await jobs_of(parts):
        s=asyncio.Semaphore(16)
        async def one(j):
            async with s: await worker.do(j)
        await asyncio.gather(*map(one, jobs))
        print(len(jobs), round(time.time()-t,1))
async def test_full(parts):
    owner, worker = await tenant(parts), a_worker(parts)
    run = await a_run(owner, mapped(3), edges("ask>many.each","many>out"), items=[str(i)*15 for i in range(1000)], style="s")
    t=time.time(); await drive(parts, worker, t)
    print((await run_of(owner, run)).metrics, time.time()-t)
async def test_people(parts):
    owner, worker = await tenant(parts), a_worker(parts)
    nodes=[node("ask","input",name="items",type="json"), amap("many",[inner("each","input",name="each"),inner("r","human_review",title="t"),inner("out","output")],["each>r.text","r.text>out"]),node("out","output")]
    run = await a_run(owner, nodes, edges("ask>many.each","many>out"), items=[str(i)*15 for i in range(1000)])
    t=time.time(); await drive(parts, worker, t)
    print((await run_of(owner, run)).metrics, time.time()-t)
async def test_scale(parts):
    owner, worker = await tenant(parts), a_worker(parts)
    for n,s in ((100,"x"*15),(300,"x"*15),(300,"x"*200)):
        run = await a_run(owner, mapped(3), edges("ask>many.each","many>out"), items=[s]*n, style="s")
        t=time.time(); await drive(parts, worker, t); print(n, len(s), 3*n/(time.time()-t), "steps/s")
