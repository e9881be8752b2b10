DROP TABLE feature_usages;
DROP TABLE features;
DROP TABLE api_keys;

-- What the version before cannot read.
DELETE FROM claims WHERE key LIKE 'feature:%';
