-- What accounts have spent, out of the daily sums: no usage row is read.

-- name: by_day
select day, model, sum(calls)::bigint as calls, sum(charged_mc)::bigint as charged_mc
from usage_days
where account_id = $1 and day >= $2
group by day, model
order by day, model;

-- name: models
-- From each model one step to the next one, however many days there are between them.
with recursive used as (
    (
        select model
        from usage_days
        where account_id = $1
        order by model
        limit 1
    )
    union all
    select (
        select following.model
        from usage_days as following
        where following.account_id = $1 and following.model > used.model
        order by following.model
        limit 1
    ) as model
    from used
    where used.model is not null
)

select model
from used
where model is not null;
