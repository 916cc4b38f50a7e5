-- A deletion is of records or of spans.
ALTER TABLE deletions ADD COLUMN signal TEXT NOT NULL DEFAULT 'logs';
