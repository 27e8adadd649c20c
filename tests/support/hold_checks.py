"""What the protocol of holds promises: after every step, and when all is at rest."""

from ledger.ids import new_id
from ledger.redis_keys import account_keys
from tests.support.books import Books, Customer, call_of
from tests.support.hold_world import Call, World
from tests.support.records import truth_of
from tests.support.spent_limits import expected_mc, limited_keys, posted_mc_of


async def check_step(world: World) -> None:
    """What holds at any time."""
    for customer in world.customers:
        await _check_account(world, customer)


async def _check_account(world: World, customer: Customer) -> None:
    books = world.books
    account = (
        await books.rows(
            "select balance_mc, (select sum(amount_mc)::bigint from ledger_entries"
            " where account_id = accounts.id) as sum, (select coalesce(sum(posted_mc), 0)::bigint"
            " from usage_records where account_id = accounts.id)"
            " + (select coalesce(sum(posted_mc), 0)::bigint"
            " from expiries where account_id = accounts.id) as posted"
            " from accounts where id = $1",
            customer.account_id,
        )
    )[0]
    assert account["balance_mc"] == account["sum"]
    assert account["balance_mc"] == world.funded_mc[customer.account_id] - account["posted"]
    if not world.may_be_overspent:
        assert account["balance_mc"] >= 0, "G1: the ledger is overspent"
    there = await books.in_redis(customer)
    if there is None or world.was_set_back:
        return
    held_mc, unwritten, charges = await _filed(books, customer)
    assert there.held_mc == held_mc
    assert there.unwritten_mc == unwritten
    if not world.may_be_overspent:
        assert there.available_mc >= 0, "G1: Redis is overspent"
    told = int(await books.redis.hget(account_keys(customer.account_id).account, "sync"))
    waiting_mc = await books.value(
        "select coalesce(sum(amount_mc), 0)::bigint from balance_syncs"
        " where account_id = $1 and number > $2",
        *(customer.account_id, told),
    )
    written = await books.rows(
        "select request_id, kind from usage_records where account_id = $1"
        " union all select request_id, 'expiry' from expiries where account_id = $1",
        customer.account_id,
    )
    done = {(str(row["request_id"]), row["kind"]) for row in written}
    not_posted_mc = sum(charge for what, charge in charges.items() if what not in done)
    in_redis_mc = there.available_mc + there.held_mc + not_posted_mc
    assert in_redis_mc == account["balance_mc"] - waiting_mc, "G9"
    for key_id, spent_mc in (await limited_keys(books, customer)).items():
        assert spent_mc == await expected_mc(books, customer, key_id, done), "a key's month"
        if not world.may_be_overspent:
            assert spent_mc <= world.highest_limit_mc, "G1: a key has overspent"


async def _filed(books: Books, customer: Customer) -> tuple[int, int, dict[tuple[str, str], int]]:
    """What is held, what is unwritten, and the charge of each tombstone."""
    held_mc = unwritten_mc = 0
    charges = {}
    for request_id, value in (await books.filed(customer)).items():
        state, *rest = value.split(" ")
        if state == "H":
            held_mc += int(rest[0])
        else:
            charges[request_id, rest[0]] = int(rest[1])
            unwritten_mc += int(rest[1]) if state == "T" else 0
    return held_mc, unwritten_mc, charges


async def check_at_rest(world: World) -> None:
    """Ends what is under way, writes all, and looks whether everybody has paid what they owe."""
    books = world.books
    for worker in range(len(world.workers)):
        await world.look(worker)
    for call in world.calls:
        if call.is_held_by_a_worker:
            await world.settle(call)
    await _write_all(world)
    await _sweep_what_is_left(world)
    if world.was_set_back:
        # Numbers that come back with something new are what a set back is seen by.
        for customer in world.customers:
            await _one_more_call(world, customer)
    await _write_all(world)
    await _sweep_what_is_left(world)
    await _write_all(world)
    await _expire_what_is_left(world)
    for call in world.calls:
        await _check_call(world, call)
    for customer in world.customers:
        await books.assert_at_rest(customer)
        gone_mc = await books.value(
            "select coalesce(sum(posted_mc), 0)::bigint from (select posted_mc from usage_records"
            " where account_id = $1 union all select posted_mc from expiries"
            " where account_id = $1) as gone",
            customer.account_id,
        )
        assert await books.balance_mc(customer) == world.funded_mc[customer.account_id] - gone_mc
        assert await books.waiting(customer) == 0
        for key_id, spent_mc in (await limited_keys(books, customer)).items():
            assert spent_mc == await posted_mc_of(books, key_id), "a key's month"
    for worker in world.workers:
        await worker._look()
        assert not any(worker._remembered.values()), "a worker remembers what is written"


async def _write_all(world: World) -> None:
    for customer in world.customers:
        await world.books.write(customer)
        await world.books.working_copy.ensure(customer.account_id)
        await world.books.working_copy.apply_syncs(customer.account_id)


async def _expire_what_is_left(world: World) -> None:
    """When no call holds anything, all that was unused of lots that are due can be taken."""
    while await world.expire():
        await _write_all(world)
    left = "select count(*) from credit_lots where remaining_mc > 0"
    assert await world.books.value(left) == 0


async def _sweep_what_is_left(world: World) -> None:
    for call in world.calls:
        await world.books.sweep(call.request)


async def _one_more_call(world: World, customer: Customer) -> None:
    """A call of nothing, by a worker that lives, written at once."""
    request = call_of(customer, 0, request_id=new_id())
    await world.books.holds.settle(truth_of(request.orphan, 0))
    await world.books.write(customer)


async def _check_call(world: World, call: Call) -> None:
    usage = await world.books.usage(call.request)
    posted_mc = sum(posted for _, posted in usage.values())
    orphan_mc = min(call.request.orphan.charge_mc, call.ceiling_mc)
    if call.is_answered:
        expected = [call.truth_mc]
        if call.may_be_lost:  # with Redis; its hold, if that was not, is an orphan's
            expected += [orphan_mc, 0]
    else:
        expected = [orphan_mc, 0] if call.may_be_lost else [orphan_mc]
    assert posted_mc in expected, f"{call} has paid {posted_mc}"
    if "settled" in usage:
        assert usage["settled"][0] == call.truth_mc
        assert posted_mc == call.truth_mc
