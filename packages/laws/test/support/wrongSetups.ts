/** Wrong plans, sources and sinks, made by changing right ones in one place. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Windowing from "@tidemark/core/rules/Windowing"
import * as Place from "@tidemark/laws/Place"
import type * as Simulation from "@tidemark/laws/Simulation"
import type * as World from "@tidemark/laws/World"
import * as WorldSource from "@tidemark/laws/WorldSource"

const onUnknown = (
  then: (
    done: { readonly value: unknown } | undefined,
    error: UnitOfWork.TransactionError
  ) => Effect.Effect<unknown, unknown>
): Simulation.Setup => ({
  portsAbove: (inner) => {
    const right = Context.get(inner, UnitOfWork.UnitOfWork)
    const transact = (tenant: Subscription.TenantId, effect: Effect.Effect<unknown, unknown, unknown>) => {
      let done: { readonly value: unknown } | undefined
      return right
        .transact(
          tenant,
          Effect.tap(effect, (value) => Effect.sync(() => (done = { value })))
        )
        .pipe(
          Effect.catch((error) =>
            error instanceof UnitOfWork.TransactionError && error.reason === "Unknown"
              ? then(done, error)
              : Effect.fail(error)
          )
        )
    }
    return Context.add(inner, UnitOfWork.UnitOfWork, { ...right, transact: transact as typeof right.transact })
  }
})

const method = (change: Partial<WorldSource.Method>, base: WorldSource.Method): Simulation.Setup => ({
  source: (_, options) => WorldSource.fromMethod("wrong", { ...base, ...change }, options)
})

/** A source whose read-ahead moves the cursor: every commit stores what was emitted last. */
const lastSeen = (): Simulation.Setup => {
  let seen: Place.Place | undefined
  return {
    source: (kind, options) => {
      const right = WorldSource.make(kind, options)
      const read = (at: Parameters<typeof right.read>[0]) =>
        Stream.tap(right.read(at), ({ observations }) =>
          Effect.sync(() => (seen = observations.at(-1)?.position ?? seen))
        )
      return { ...right, read } as typeof right
    },
    ports: (inner) => {
      const right = Context.get(inner, Lanes.Lanes)
      return Context.add(inner, Lanes.Lanes, {
        ...right,
        commit: (options) => {
          const cursor: CursorRule.Stored | undefined =
            seen === undefined || options.checkpoint.cursor === undefined
              ? options.checkpoint.cursor
              : { ...options.checkpoint.cursor, value: { ...seen } }
          return right.commit({ ...options, checkpoint: { ...options.checkpoint, cursor } })
        }
      })
    }
  }
}

type Sink = ChangeSink.Transactional<World.Note>

export const setups = {
  /** A commit that was not answered is tried again. */
  unknownIsFailure: onUnknown((_, { cause }) =>
    Effect.fail(new UnitOfWork.TransactionError({ reason: "Conflict", cause }))
  ),
  /** A commit that was not answered is taken for done. */
  unknownIsSuccess: onUnknown((done, error) => (done === undefined ? Effect.fail(error) : Effect.succeed(done.value))),
  /** Reads after the stamp, though stamps are shared. */
  afterStamp: method(
    { rule: Place.rule({ positions: "Unique", resume: "Exclusive", order: Place.compare }), mark: () => undefined },
    WorldSource.strict
  ),
  /** The cursor goes up to the present. */
  noSettle: method({ window: (world) => Windowing.make({ startedAt: world.now, settle: 0 }) }, WorldSource.keyset),
  lastSeen: lastSeen(),
  /** Everything is read before anything is committed. */
  readsAhead: { sync: { prefetch: 500 } },
  /** A column that the table does not have. */
  losesColumn: {
    sink: (inner: Sink): Sink => ({
      ...inner,
      find: (subscription, ids) =>
        Effect.map(
          inner.find(subscription, ids),
          (rows) => new Map([...rows].map(([id, row]) => [id, { ...row, record: { ...row.record, remark: null } }]))
        )
    })
  }
}
