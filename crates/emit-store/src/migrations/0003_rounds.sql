-- How often an ended job was asked to be told anew: a try of an earlier round decides nothing.
ALTER TABLE jobs ADD COLUMN callback_round INTEGER NOT NULL DEFAULT 0;

-- Secrets before `old_secret` that still sign, each with its end: JSON.
ALTER TABLE spaces ADD COLUMN older_secrets TEXT;
