// What the official Node SDKs read from the gateway, for each of the four faces.
// Standard input: a request a line, {id, face, base_url, key, model, stream}; standard output: what the SDK read, a
// line each, {id, text, reasoning, calls: [[name, arguments]], stop, usage} or {id, error}.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { createInterface } from "node:readline";

const hi = [{ role: "user", content: "hi" }];
const nothing = () => ({ text: "", reasoning: "", calls: [], stop: null, usage: null, others: {} });

const once = new Map();
function client(Kind, options) {
  const name = Kind.name + JSON.stringify(options);
  if (!once.has(name)) once.set(name, new Kind(options));
  return once.get(name);
}
const openai = (asked) => client(OpenAI, { baseURL: asked.base_url + "/v1", apiKey: asked.key, maxRetries: 0 });

/** Text and thoughts of a content: a string, or parts as Mistral has them. */
function content(found, value) {
  if (typeof value === "string") found.text += value;
  for (const part of Array.isArray(value) ? value : []) {
    if (part.type === "thinking") for (const thought of part.thinking) found.reasoning += thought.text ?? "";
    else found.text += part.text ?? "";
  }
}

async function chat(asked) {
  const body = { model: asked.model, messages: hi };
  if (asked.stream) Object.assign(body, { stream: true, stream_options: { include_usage: true } });
  const got = await openai(asked).chat.completions.create(body);
  const found = nothing();
  const calls = new Map();
  for await (const value of asked.stream ? got : [got]) {
    if (value.usage) found.usage = value.usage;
    for (const choice of value.choices ?? []) {
      const said = (asked.stream ? choice.delta : choice.message) ?? {};
      if (choice.index) {
        const other = nothing();
        content(other, said.content);
        found.others[choice.index] = (found.others[choice.index] ?? "") + other.text;
        continue;
      }
      content(found, said.content);
      found.text += said.refusal ?? "";
      const details = (said.reasoning_details ?? []).map((one) => one.text || one.summary || "").join("");
      found.reasoning += said.reasoning_content || said.reasoning || details;
      const made = said.tool_calls ?? (said.function_call ? [{ function: said.function_call }] : []);
      made.forEach((call, position) => {
        const key = call.index ?? position;
        if (!calls.has(key)) calls.set(key, [null, ""]);
        const one = calls.get(key);
        const raw = call.function?.arguments ?? "";
        one[0] ||= call.function?.name ?? null;
        one[1] += typeof raw === "string" ? raw : JSON.stringify(raw);
      });
      found.stop = choice.finish_reason || found.stop;
    }
  }
  found.calls = [...calls.values()];
  return found;
}

async function responses(asked) {
  const body = { model: asked.model, input: "hi" };
  let got, deltas = "";
  if (asked.stream) {
    const stream = openai(asked).responses.stream(body);
    for await (const event of stream) {
      if (["response.output_text.delta", "response.refusal.delta"].includes(event.type)) deltas += event.delta;
    }
    got = await stream.finalResponse();
  } else {
    got = await openai(asked).responses.create(body);
  }
  const found = nothing();
  for (const item of got.output) {
    if (item.type === "message") for (const part of item.content) found.text += part.text ?? part.refusal ?? "";
    if (item.type === "reasoning") {
      const summary = (item.summary ?? []).map((part) => part.text).join("");
      found.reasoning += summary || (item.content ?? []).map((part) => part.text ?? "").join("");
    }
    if (item.type === "function_call") found.calls.push([item.name, item.arguments]);
    if (item.type === "custom_tool_call") found.calls.push([item.name, { input: item.input }]);
  }
  if (asked.stream && deltas !== found.text) throw new Error("the deltas are not the text at the end");
  return { ...found, stop: got.incomplete_details?.reason ?? got.status, usage: got.usage };
}

async function messages(asked) {
  const sdk = client(Anthropic, { baseURL: asked.base_url, apiKey: asked.key, maxRetries: 0 });
  const body = { model: asked.model, max_tokens: 1000, messages: hi };
  const got = asked.stream ? await sdk.messages.stream(body).finalMessage() : await sdk.messages.create(body);
  const found = nothing();
  for (const block of got.content) {
    if (block.type === "text") found.text += block.text;
    if (block.type === "thinking") found.reasoning += block.thinking;
    if (block.type === "tool_use") found.calls.push([block.name, block.input]);
  }
  return { ...found, stop: got.stop_reason, usage: got.usage };
}

async function generateContent(asked) {
  const sdk = client(GoogleGenAI, { apiKey: asked.key, httpOptions: { baseUrl: asked.base_url } });
  const body = { model: asked.model, contents: "hi", config: { thinkingConfig: { includeThoughts: true } } };
  const got = asked.stream ? await sdk.models.generateContentStream(body) : [await sdk.models.generateContent(body)];
  const found = nothing();
  for await (const value of got) {
    found.usage = { ...found.usage, ...value.usageMetadata };
    for (const candidate of value.candidates ?? []) {
      if (candidate.index) {
        const said = (candidate.content?.parts ?? []).filter((part) => !part.thought).map((part) => part.text ?? "");
        found.others[candidate.index] = (found.others[candidate.index] ?? "") + said.join("");
        continue;
      }
      for (const part of candidate.content?.parts ?? []) {
        if (part.functionCall) found.calls.push([part.functionCall.name, part.functionCall.args ?? {}]);
        else found[part.thought ? "reasoning" : "text"] += part.text ?? "";
      }
      found.stop = candidate.finishReason ?? found.stop;
    }
  }
  return found;
}

const FACES = { "Chat Completions": chat, Responses: responses, Messages: messages, generateContent };
console.warn = console.debug = () => {};
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  FACES[asked.face](asked).then(
    (found) => process.stdout.write(JSON.stringify({ id: asked.id, ...found }) + "\n"),
    (error) => process.stdout.write(JSON.stringify({ id: asked.id, error: String(error) }) + "\n"),
  );
}
