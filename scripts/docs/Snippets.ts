/**
 * Checks that code in documents is code that is compiled and run: each `ts` snippet is
 * text of an example or a test. Its paragraphs stand in one file, in their order; they
 * may stand further to the left than there, be broken into other lines, and leave out
 * what stands between them.
 */
import * as fs from "node:fs"

const withoutSpace = (text: string): string => text.replace(/\s+/g, "")

const isShown = /^(examples\/[^/]+\/(src\/.*|test\/.*|vitest\.config)|packages\/[^/]+\/test\/.*)\.ts$/

const sources = ["examples", "packages"]
  .flatMap((folder) => fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`))
  .filter((name) => isShown.test(name) && !/node_modules|\/dist\//.test(name))
  .map((name) => withoutSpace(fs.readFileSync(name, "utf8")))

const isTextOf = (paragraphs: ReadonlyArray<string>, source: string): boolean => {
  let from = 0
  return paragraphs.every((paragraph) => {
    const place = source.indexOf(paragraph, from)
    from = place + paragraph.length
    return place >= 0
  })
}

/** What is wrong with the snippets of a page. */
export const problems = (page: string): ReadonlyArray<string> =>
  [...fs.readFileSync(page, "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].flatMap(([, snippet = ""]) => {
    const paragraphs = snippet.split(/\n\s*\n/).map(withoutSpace)
    return sources.some((source) => isTextOf(paragraphs, source))
      ? []
      : [`${page}: a snippet is not the text of any example or test: ${snippet.trim().split("\n")[0]}`]
  })
