// The official client for JavaScript, with only the base URL changed.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { answer, apiKey, baseURL, fallback, messages, question } from "./client.mjs";

const client = new OpenAI({ apiKey, baseURL });

async function textOf(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  return text;
}

test("a chat is answered, and the headers tell by whom", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: "falls-back", messages })
    .withResponse();
  assert.equal(data.choices[0].message.content, fallback);
  assert.equal(response.headers.get("x-elizanet-provider"), "backup");
  assert.equal(response.headers.get("x-elizanet-fallback"), "overloaded");
});

test("a stream arrives whole, and falls back unseen", async () => {
  const whole = { model: "gpt-4o", messages, stream: true };
  assert.equal(await textOf(await client.chat.completions.create(whole)), answer);
  const moved = { ...whole, model: "falls-back" };
  assert.equal(await textOf(await client.chat.completions.create(moved)), fallback);
});

test("an answer is parsed into an object", async () => {
  const city = z.object({ name: z.string(), people: z.number() });
  const parsed = await client.chat.completions.parse({
    model: "gpt-4o",
    messages,
    response_format: zodResponseFormat(city, "city"),
  });
  city.parse(parsed.choices[0].message.parsed);
});

test("embeddings have the length that was asked for", async () => {
  const made = await client.embeddings.create({
    model: "text-embedding-3-small",
    input: ["one", "two"],
    dimensions: 8,
  });
  assert.deepEqual(made.data.map((item) => item.embedding.length), [8, 8]);
});

test("images and speech, both ways", async () => {
  const image = await client.images.generate({ model: "dall-e-3", prompt: "a cat" });
  assert.ok(image.data[0].url);
  const picture = await toFile(Buffer.from("\x89PNG\r\n\x1a\n picture"), "cat.png", {
    type: "image/png",
  });
  const edited = await client.images.edit({ model: "gpt-image-1", image: picture, prompt: "hat" });
  assert.equal(edited.data.length, 1);
  const speech = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "hi" });
  assert.ok((await speech.arrayBuffer()).byteLength > 0);
  const file = await toFile(Buffer.alloc(9000, "RIFF"), "speech.wav", { type: "audio/wav" });
  const written = await client.audio.transcriptions.create({ model: "whisper-1", file });
  assert.match(written.text, /primary/);
});

test("moderations, models and files", async () => {
  const checked = await client.moderations.create({ input: "hello" });
  assert.equal(checked.results[0].flagged, false);
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes("falls-back"));
  const file = await toFile(Buffer.from('{"custom_id":"1"}\n'), "batch.jsonl");
  const made = await client.files.create({ file, purpose: "batch" });
  assert.equal((await client.files.retrieve(made.id)).id, made.id);
});

test("the Responses API answers whole and as a stream", async () => {
  const whole = await client.responses.create({ model: "gpt-4o", input: question });
  assert.equal(whole.output_text, answer);
  const kinds = [];
  let text = "";
  const asked = { model: "gpt-4o", input: question, stream: true };
  for await (const event of await client.responses.create(asked)) {
    kinds.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.equal(text, answer);
  assert.equal(kinds.at(-1), "response.completed");
});

test("each failure is the class that the client has for it", async () => {
  const refused = (model) => client.chat.completions.create({ model, messages });
  await assert.rejects(refused("picky"), OpenAI.BadRequestError);
  await assert.rejects(refused("elsewhere-2"), OpenAI.NotFoundError);
  await assert.rejects(refused("locked-2"), OpenAI.AuthenticationError);
  const stranger = new OpenAI({ apiKey: "sk-wrong", baseURL });
  await assert.rejects(
    stranger.chat.completions.create({ model: "gpt-4o", messages }),
    OpenAI.AuthenticationError,
  );
});

test("a chain that gave up is not tried again", async () => {
  await assert.rejects(client.chat.completions.create({ model: "all-down", messages }), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.equal(error.type, "all_targets_failed");
    assert.equal(error.headers.get("x-should-retry"), "false");
    return true;
  });
});

test("a stream that breaks raises after what came", async () => {
  let text = "";
  const stream = await client.chat.completions.create({ model: "cutting", messages, stream: true });
  await assert.rejects(async () => {
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  }, OpenAI.APIError);
  assert.equal(text, "cutting answers:");
});
