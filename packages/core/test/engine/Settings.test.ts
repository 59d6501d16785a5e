// Goal: every setting has the default of its module, can be given, is refused where it makes no sense, and is documented
// as it is.
// Method: the table of docs/settings.md read as text, against the settings and against an environment that gives them.
// Guarantees: SET-1, W45.
import * as Relay from "@tidemark/core/engine/Relay"
import * as Retention from "@tidemark/core/engine/Retention"
import * as Settings from "@tidemark/core/engine/Settings"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Backoff from "@tidemark/core/rules/Backoff"
import * as Keeping from "@tidemark/core/rules/Keeping"
import type * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { describe, it } from "vitest"

const page = fs.readFileSync(new URL("../../../../docs/settings.md", import.meta.url), "utf8")
const documented = page
  .split("\n")
  .map((line) => /^\| `([A-Z_]+)` +\| (.+?) +\| (.+?) +\|$/.exec(line))
  .flatMap((row) => (row === null ? [] : [{ name: row[1]!, standard: row[2]!, says: row[3]! }]))

const read = <A>(config: Config.Config<A>, env: Record<string, string> = {}) =>
  Effect.runPromise(
    Effect.result(
      Effect.provideService(
        config,
        ConfigProvider.ConfigProvider,
        ConfigProvider.constantCase(ConfigProvider.fromEnv({ env }))
      )
    )
  )

const valueOf = async <A>(config: Config.Config<A>, env: Record<string, string> = {}): Promise<A> => {
  const found = await read(config, env)
  assert.ok(found._tag === "Success", JSON.stringify(found))
  return found.success
}

describe("settings", () => {
  it("SET-1 the page has each with its default and what it says, and no other", () => {
    const nameOf = (part: string) => part.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    assert.deepEqual(
      documented,
      Settings.all.map(({ path, says, standard }) => ({ name: path.map(nameOf).join("_"), standard, says }))
    )
  })

  it("SET-1 each is read under the name that the page gives it, and without it is its default", async () => {
    for (const [place, { config, standard }] of Settings.all.entries()) {
      const { name } = documented[place]!
      const before = await valueOf(config)
      assert.equal(Duration.isDuration(before) ? Duration.format(before) : String(before), standard, name)
      const other = Duration.isDuration(before)
        ? "1234 seconds"
        : typeof before === "number"
          ? "7"
          : before === "Quarantine"
            ? "Hold"
            : "All"
      const after = await valueOf(config, { [name]: other })
      assert.equal(Duration.isDuration(after) ? `${Duration.toSeconds(after)} seconds` : String(after), other, name)
      for (const wrong of ["-1 seconds", "-1", "1.5", "soon", ""]) {
        if (wrong === "1.5" && typeof before !== "number") continue
        const refused = await read(config, { [name]: wrong })
        if (wrong === "") assert.ok(refused._tag === "Failure" || refused.success === before, name)
        else assert.equal(refused._tag, "Failure", `${name}=${wrong}`)
      }
    }
  })

  it("SET-1 without any, options are those that modules take by themselves", async () => {
    assert.deepEqual(await valueOf(Settings.relay), {
      lease: Relay.leaseDefault,
      grace: Relay.graceDefault,
      poll: Relay.pollDefault,
      concurrency: {
        inbound: Relay.concurrencyDefault,
        change: Relay.concurrencyDefault,
        outbound: Relay.concurrencyDefault
      }
    })
    assert.deepEqual(await valueOf(Settings.retry), Backoff.standard)
    assert.deepEqual(await valueOf(Settings.retention), {
      ages: Keeping.agesDefault,
      schedules: [Backoff.standard],
      redrive: Keeping.redriveDefault,
      limit: Retention.limitDefault,
      pause: Duration.zero
    })
    assert.deepEqual(await valueOf(Settings.sync), Sync.standard)
  })

  it("W45 none of them turns publishing off", () => {
    const switches = Settings.all.filter(({ path }) =>
      /enable|disable|publish|append|outbox|isOn|isOff/i.test(path.join())
    )
    assert.deepEqual(switches, [])
  })
})
