// The Vercel AI SDK, by its provider for OpenAI and by the one for whatever is compatible.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, embedMany, generateText, streamText } from "ai";
import { z } from "zod";
import { answer, apiKey, baseURL, fallback, question } from "./client.mjs";

const openai = createOpenAI({ apiKey, baseURL });
const compatible = createOpenAICompatible({
  apiKey,
  baseURL,
  name: "elizanet",
  supportsStructuredOutputs: true,
});

const kinds = {
  responses: (model) => openai.responses(model),
  chat: (model) => openai.chat(model),
  compatible: (model) => compatible(model),
};

for (const [kind, model] of Object.entries(kinds)) {
  test(`${kind}: a text is generated`, async () => {
    const { text, finishReason } = await generateText({ model: model("gpt-4o"), prompt: question });
    assert.equal(text, answer);
    assert.equal(finishReason, "stop");
  });

  test(`${kind}: a text is streamed, and falls back unseen`, async () => {
    let text = "";
    const { textStream } = streamText({ model: model("falls-back"), prompt: question });
    for await (const piece of textStream) text += piece;
    assert.equal(text, fallback);
  });
}

test("an object is generated", async () => {
  const { output } = await generateText({
    model: compatible("gpt-4o"),
    prompt: question,
    output: Output.object({ schema: z.object({ name: z.string(), people: z.number() }) }),
  });
  assert.equal(typeof output.name, "string");
});

test("texts are embedded", async () => {
  const { embeddings } = await embedMany({
    model: openai.embedding("text-embedding-3-small"),
    values: ["one", "two"],
  });
  assert.equal(embeddings.length, 2);
});

test("a chain that gave up is not tried again", async () => {
  const call = generateText({ model: compatible("all-down"), prompt: question, maxRetries: 0 });
  await assert.rejects(call, (error) => {
    assert.ok(APICallError.isInstance(error));
    assert.equal(error.statusCode, 503);
    assert.match(error.responseBody, /all_targets_failed/);
    return true;
  });
});

test("a stream that breaks is told as an error, not as an end", async () => {
  const errors = [];
  const { fullStream } = streamText({
    model: openai.chat("cutting"),
    prompt: question,
    onError: () => {},
  });
  let text = "";
  for await (const part of fullStream) {
    if (part.type === "text-delta") text += part.text;
    if (part.type === "error") errors.push(part.error);
  }
  assert.equal(text, "cutting answers:");
  assert.equal(errors.length, 1);
});
