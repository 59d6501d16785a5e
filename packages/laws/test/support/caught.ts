/** How a law is seen to fail: on a wrong implementation, by its own claim and not by an accident. */
import * as Law from "@tidemark/laws/Law"
import { expect } from "vitest"
import { settings } from "./settings.ts"

/** Cases of a law before a wrong implementation must have been caught. */
const runs = 500

/** Asserts that some law of this id, and of this claim, is broken. */
export const isCaught = async (laws: ReadonlyArray<Law.Law>, id: string, about = ""): Promise<void> => {
  const meant = laws.filter((law) => law.id === id && law.name.includes(about))
  expect(meant, `no law ${id} ${about}`).not.toEqual([])
  for (const law of meant) {
    const broken = await law.check({ ...settings(), runs: Math.max(runs, law.runs), isShrinking: false }).then(
      () => undefined,
      (error: unknown) => error
    )
    if (broken === undefined) continue
    expect(broken).toBeInstanceOf(Law.Broken)
    const { cause, law: name } = broken as Law.Broken
    expect(name).toBe(law.name)
    expect((cause as { readonly _tag?: string })._tag, String(cause)).toBe("Violation")
    return
  }
  expect.fail(`nothing is wrong, says ${meant.map(({ name }) => name).join("; ")}`)
}
