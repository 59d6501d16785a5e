/**
 * What an application brings to the commands that it mounts: its feeds, and the
 * store that its lanes are kept in.
 *
 * @since 0.1.0
 */
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Feed from "./Feed.ts"
import type * as Problem from "./Problem.ts"

/** @category services @since 0.1.0 */
export class Application extends Context.Service<
  Application,
  {
    /**
     * The feeds that were asked for. All that can be wrong with the call is looked
     * at here, for every feed, and nothing is written.
     */
    readonly feeds: Effect.Effect<ReadonlyArray<Feed.Feed>, Problem.Problem>
    /** The ports, to read from. Where nothing was set up yet, nothing is there; nothing is made. */
    readonly reading: Layer.Layer<Feed.Reading, Problem.Problem>
    /** The ports, once their tables are made or brought up to date. */
    readonly writing: Layer.Layer<Sync.Ports, Problem.Problem>
  }
>()("@tidemark/cli/Application") {}
