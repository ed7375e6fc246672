def is_growth(path):
    return False
